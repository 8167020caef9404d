package kernel

import "slices"

// Cell names a recurrent cell. With the sums a = W_ih x_t + b_ih and b = W_hh h_{t-1} + b_hh, whose blocks of rows belong to
// the gates in the order given (that of PyTorch), and h_{-1} = c_{-1} = 0:
type Cell uint8

const (
	// TanhCell: h = tanh(a + b).
	TanhCell Cell = iota
	// LSTMCell, gates i, f, g, o of a + b: c = σ(f) c_{t-1} + σ(i) tanh(g), h = σ(o) tanh(c).
	LSTMCell
	// GRUCell, gates r, z, n: R = σ(a_r + b_r), Z = σ(a_z + b_z), N = tanh(a_n + R b_n), h = (1-Z) N + Z h_{t-1}.
	GRUCell
)

// Gates is the number of blocks of rows in the weights of a cell.
func (c Cell) Gates() int { return [...]int{TanhCell: 1, LSTMCell: 4, GRUCell: 3}[c] }

// Recurrent is one layer over a ragged batch, in one direction or in both: sequence s owns the tokens Starts[s] to Starts[s+1],
// in this order for the first direction, and from the last to the first for the second.
//
// The products with the input and those of the weights' gradients are done for all tokens at once. Only the products
// with the previous state go step by step; a step works through the sequences that are long enough for it, in both
// directions at once.
type Recurrent struct {
	Cell          Cell
	Input, Hidden int     // of a direction
	Starts        []int32 // [sequences+1] offsets into the tokens
	Apart         bool    // the directions read one half of x each, [tokens, 2*input]; else both read x [tokens, input]

	Precision Precision // of the factors of all products but those of single steps

	Weights []RecurrentWeights // of the directions, one or two, whose states lie side by side in a row of y
}

// RecurrentWeights are the parameters of one direction, or their gradients.
type RecurrentWeights struct {
	WeightIH []float32 // [gates*hidden, input]
	WeightHH []float32 // [gates*hidden, hidden]
	BiasIH   []float32 // [gates*hidden]
	BiasHH   []float32 // [gates*hidden]
}

// RecurrentGradients says where the gradients of a layer go, and which of them are added to what is there.
type RecurrentGradients struct {
	X           []float32 // as x; nil if not wanted
	AccumulateX bool
	Weights     []RecurrentWeights    // of the directions
	Accumulate  []RecurrentAccumulate // of the directions
}

// RecurrentAccumulate says for each of RecurrentWeights whether to add to it.
type RecurrentAccumulate struct{ WeightIH, WeightHH, BiasIH, BiasHH bool }

// recurrentUnits is the number of hidden units whose step is one tile of work. Native routines pack weights in blocks of it.
const recurrentUnits = 32

// recurrentStep is one step in one direction, of all sequences that are long enough for it. Slices that belong to tokens are
// indexed by token, those that belong to sequences by row: rows are in order of length, longest first.
type recurrentStep struct {
	cell     Cell
	hidden   int
	tokens   []int32 // [rows] what each row is at
	previous int     // distance to the token of the step before
	start    bool    // whether this is the first step
	weights  []float32
	packed   []float32 // the weights, tile after tile, as the routine pack made them
	bias     []float32 // [hidden] of the product that a GRU's gate r acts on

	gates      []float32 // [tokens, gates*hidden], rows gateStride apart
	gateStride int
	extra      []float32 // [tokens, hidden] lstm: c; gru: b_n
	y          []float32 // [tokens, hidden], rows stride apart
	stride     int

	// Forward: the state before and after the step.
	before, after []float32 // [rows, hidden]
	// Backward: the gradients of the sums with the state, of the next step and this one. The first `carried` rows have a
	// next step.
	carried   int
	next, now []float32 // [rows, gates*hidden]
	// Forward: c of an lstm. Backward: what reaches the state before other than through the weights, for an lstm of c.
	memory []float32 // [rows, hidden]
	dy     []float32 // [tokens, hidden], rows stride apart
	dgates []float32 // [tokens, gates*hidden]
	dextra []float32 // [tokens, hidden] gru: gradient of b_n
}

// recurrentRoutines work through one tile of the units: lay out the weights for it, or take a step.
type recurrentRoutines struct {
	packForward, packBackward, forward, backward func(t *recurrentStep, tile int)
}

// RecurrentForward computes the states y [tokens, directions*hidden] from x, and saved, of RecurrentSaved
// elements, for RecurrentBackward.
func (c *CPU) RecurrentForward(r *Recurrent, y, saved, x, scratch []float32) {
	tokens := r.check(x, y)
	width, sequences := r.Cell.Gates()*r.Hidden, len(r.Starts)-1
	bias := take(&scratch, width)
	directions := make([]recurrentStep, len(r.Weights))
	for d, w := range r.Weights {
		t := &directions[d]
		*t = r.direction(d, y, saved)
		t.packed = take(&scratch, r.packedSize())
		t.before, t.after = take(&scratch, sequences*r.Hidden), take(&scratch, sequences*r.Hidden)
		t.memory = take(&scratch, sequences*r.Hidden)
		copy(bias, w.BiasIH)
		addTo(bias[:r.shared()*r.Hidden], w.BiasHH, true)
		if r.Cell == GRUCell {
			t.bias = w.BiasHH[2*r.Hidden:]
		}
		c.MatMul(&Product{Precision: r.Precision, M: tokens, N: width, K: r.Input, A: from(x, r.column(d)), LDA: r.inputWidth(),
			B: w.WeightIH, TransposeB: true, C: t.gates, LDC: t.gateStride, Bias: bias})
	}
	c.forTiles(directions, c.routines.recurrent.packForward)()
	step := c.forTiles(directions, c.routines.recurrent.forward)
	order := c.order.sort(r.Starts)
	for i, alive := range order.alive {
		for d := range directions {
			t := &directions[d]
			t.tokens, t.start = order.tokens[d][:alive], i == 0
			t.before, t.after = t.after, t.before
		}
		step()
		order.advance(1)
	}
}

// RecurrentBackward computes the gradients of x and the parameters from dy, that of y.
func (c *CPU) RecurrentBackward(r *Recurrent, g *RecurrentGradients, dy, y, saved, x, scratch []float32) {
	tokens := r.check(x, y)
	requireLength("dy", len(dy), len(y))
	width, sequences := r.Cell.Gates()*r.Hidden, len(r.Starts)-1
	directions := make([]recurrentStep, len(r.Weights))
	for d := range directions {
		t := &directions[d]
		*t = r.direction(d, y, saved)
		t.packed = take(&scratch, r.packedSize())
		t.next, t.now = take(&scratch, sequences*width), take(&scratch, sequences*width)
		t.memory = take(&scratch, sequences*r.Hidden)
		t.dy, t.dgates = from(dy, d*r.Hidden), take(&scratch, tokens*width)
		if r.Cell == GRUCell {
			t.dextra = take(&scratch, tokens*r.Hidden)
		}
	}
	c.forTiles(directions, c.routines.recurrent.packBackward)()
	step := c.forTiles(directions, c.routines.recurrent.backward)
	order := c.order.sort(r.Starts)
	order.advance(len(order.alive) - 1)
	for i, alive := range slices.Backward(order.alive) {
		for d := range directions {
			t := &directions[d]
			t.carried = len(t.tokens)
			t.tokens, t.start = order.tokens[d][:alive], i == 0
			t.next, t.now = t.now, t.next
		}
		step()
		order.advance(-1)
	}
	for d := range directions {
		r.products(c, g, d, &directions[d], x, scratch)
	}
}

// products computes the gradients of x and the parameters of a direction from those of the gates.
func (r *Recurrent) products(c *CPU, g *RecurrentGradients, d int, t *recurrentStep, x, scratch []float32) {
	h, width := r.Hidden, r.Cell.Gates()*r.Hidden
	tokens := len(t.dgates) / width
	w, to, add := &r.Weights[d], &g.Weights[d], &g.Accumulate[d]
	sum, before := take(&scratch, width), take(&scratch, tokens*h)
	r.shift(c, before, t)
	if g.X != nil {
		c.MatMul(&Product{Precision: r.Precision, M: tokens, N: r.Input, K: width, A: t.dgates, B: w.WeightIH, C: from(g.X, r.column(d)),
			LDC: r.inputWidth(), Accumulate: g.AccumulateX || d > 0 && !r.Apart})
	}
	c.MatMul(&Product{Precision: r.Precision, M: width, N: r.Input, K: tokens, A: t.dgates, TransposeA: true, B: from(x, r.column(d)),
		LDB: r.inputWidth(), C: to.WeightIH, Accumulate: add.WeightIH})
	c.ColumnSum(sum, t.dgates, width, scratch, false)
	addTo(to.BiasIH, sum, add.BiasIH)

	shared := r.shared() * h
	c.MatMul(&Product{Precision: r.Precision, M: shared, N: h, K: tokens, A: t.dgates, LDA: width, TransposeA: true, B: before,
		C: to.WeightHH, Accumulate: add.WeightHH})
	addTo(to.BiasHH[:shared], sum, add.BiasHH)
	if shared < width {
		c.MatMul(&Product{Precision: r.Precision, M: h, N: h, K: tokens, A: t.dextra, TransposeA: true, B: before,
			C: to.WeightHH[shared*h:], Accumulate: add.WeightHH})
		c.ColumnSum(to.BiasHH[shared:], t.dextra, h, scratch, add.BiasHH)
	}
}

// shared is the number of gates whose sums with the input and with the state are just added, and so have one gradient.
func (r *Recurrent) shared() int {
	if r.Cell == GRUCell {
		return 2
	}
	return r.Cell.Gates()
}

// shift copies the state that each token starts from.
func (r *Recurrent) shift(c *CPU, before []float32, t *recurrentStep) {
	h := r.Hidden
	c.parallel(len(r.Starts)-1, func(s int) {
		first, last := int(r.Starts[s]), int(r.Starts[s+1])-1
		for token := first; token <= last; token++ {
			row := before[token*h : (token+1)*h]
			if from := token + t.previous; from < first || from > last {
				clear(row)
			} else {
				copy(row, t.y[from*t.stride:])
			}
		}
	})
}

// direction describes the operands that all steps of a direction share.
func (r *Recurrent) direction(d int, y, saved []float32) recurrentStep {
	tokens, width := int(r.Starts[len(r.Starts)-1]), r.Cell.Gates()*r.Hidden
	t := recurrentStep{cell: r.Cell, hidden: r.Hidden, weights: r.Weights[d].WeightHH, previous: 2*d - 1,
		y: from(y, d*r.Hidden), stride: len(r.Weights) * r.Hidden}
	requireAtLeast("saved", len(saved), RecurrentSaved(r.Cell, tokens, t.stride))
	if r.Cell == TanhCell {
		t.gates, t.gateStride = t.y, t.stride
	} else {
		saved = saved[d*tokens*(width+r.Hidden):]
		t.gates, t.gateStride, t.extra = saved[:tokens*width], width, saved[tokens*width:]
	}
	return t
}

// forTiles returns a function that calls a routine for all tiles of all directions, which share the work of one step.
func (c *CPU) forTiles(directions []recurrentStep, routine func(t *recurrentStep, tile int)) func() {
	tiles := ceilDivide(directions[0].hidden, recurrentUnits)
	body := func(_, tile int) { routine(&directions[tile/tiles], tile%tiles) }
	return func() { c.parallelWorker(len(directions)*tiles, body) }
}

// units are those of a tile.
func (t *recurrentStep) units(tile int) (first, count int) {
	first = tile * recurrentUnits
	return first, min(recurrentUnits, t.hidden-first)
}

// packedTile is the part of the packed weights that a tile reads.
func (t *recurrentStep) packedTile(tile int) []float32 {
	size := recurrentUnits * t.cell.Gates() * t.hidden
	return t.packed[tile*size : (tile+1)*size]
}

func (r *Recurrent) packedSize() int {
	return roundUp(r.Hidden, recurrentUnits) * r.Cell.Gates() * r.Hidden
}

// inputWidth is the length of a row of x.
func (r *Recurrent) inputWidth() int {
	if r.Apart {
		return len(r.Weights) * r.Input
	}
	return r.Input
}

// column is the column of x from which on a direction reads.
func (r *Recurrent) column(d int) int {
	if r.Apart {
		return d * r.Input
	}
	return 0
}

// RecurrentSaved is the number of elements that RecurrentForward saves for states y [tokens, width]: of each direction the
// gates, and of an LSTM c, of a GRU what its gate r acts on.
func RecurrentSaved(cell Cell, tokens, width int) int {
	if cell == TanhCell {
		return 0
	}
	return tokens * (cell.Gates() + 1) * width
}

// RecurrentScratch is the length of the scratch of RecurrentForward or RecurrentBackward, for at most the given numbers.
func RecurrentScratch(r *Recurrent, tokens, sequences int, backward bool) int {
	h, width := r.Hidden, r.Cell.Gates()*r.Hidden
	if !backward {
		return takes(width) + len(r.Weights)*takes(r.packedSize(), sequences*h, sequences*h, sequences*h)
	}
	return len(r.Weights)*takes(r.packedSize(), sequences*width, sequences*width, sequences*h, tokens*width, tokens*h) +
		takes(width, tokens*h, ColumnSumScratch(tokens, width))
}

// check panics if the operands do not fit each other, and returns the number of tokens.
func (r *Recurrent) check(x, y []float32) int {
	tokens, width := int(r.Starts[len(r.Starts)-1]), r.Cell.Gates()*r.Hidden
	requireLength("x", len(x), tokens*r.inputWidth())
	requireLength("y", len(y), tokens*len(r.Weights)*r.Hidden)
	for _, w := range r.Weights {
		requireLength("WeightIH", len(w.WeightIH), width*r.Input)
		requireLength("WeightHH", len(w.WeightHH), width*r.Hidden)
		requireLength("BiasIH", len(w.BiasIH), width)
		requireLength("BiasHH", len(w.BiasHH), width)
	}
	return tokens
}

// from is x from a column of its first row on; without rows there is nothing.
func from(x []float32, column int) []float32 { return x[min(column, len(x)):] }

// take cuts n elements off scratch memory, which stays aligned.
func take(scratch *[]float32, n int) []float32 {
	taken := (*scratch)[:n]
	*scratch = (*scratch)[min(roundUp(n, scratchLine), len(*scratch)):]
	return taken
}

// takes is the length of the scratch memory that some calls of take need.
func takes(sizes ...int) int {
	total := 0
	for _, n := range sizes {
		total += roundUp(n, scratchLine)
	}
	return total
}

// scratchLine is the number of elements of a cache line.
const scratchLine = 16

// addTo writes y = x, or adds x to y.
func addTo(y, x []float32, accumulate bool) {
	if !accumulate {
		copy(y, x)
		return
	}
	for i := range y {
		y[i] += x[i]
	}
}
