package kernel

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

// Recurrent is one layer in one direction over a ragged batch: sequence s owns the tokens Starts[s] to Starts[s+1], in
// this order or, if Reverse, from the last to the first.
//
// The products with the input and those of the weights' gradients are done for all tokens at once. Only the products
// with the previous state go step by step; a step works through the sequences that are long enough for it.
type Recurrent struct {
	Cell          Cell
	Input, Hidden int
	Starts        []int32 // [sequences+1] offsets into the tokens
	Reverse       bool
	Stride        int // distance between rows of y and dy, more than Hidden where two directions share them; 0 for Hidden

	Precision Precision // of the factors of all products but those of single steps

	WeightIH []float32 // [gates*hidden, input]
	WeightHH []float32 // [gates*hidden, hidden]
	BiasIH   []float32 // [gates*hidden]
	BiasHH   []float32 // [gates*hidden]
}

// RecurrentGradients says where the gradients of a layer go, and which of them are added to what is there.
type RecurrentGradients struct {
	X                  []float32 // [tokens, input]; nil if not wanted
	WeightIH, WeightHH []float32
	BiasIH, BiasHH     []float32
	Accumulate         struct{ X, WeightIH, WeightHH, BiasIH, BiasHH bool }
}

// recurrentUnits is the number of hidden units whose step is one tile of work. Native routines pack weights in blocks of it.
const recurrentUnits = 32

// recurrentTile is one step of the units first to first+units of all sequences that are long enough. Slices that belong
// to tokens are indexed by token, those that belong to sequences by row: rows are in order of length, longest first.
type recurrentTile struct {
	cell                 Cell
	hidden, first, units int
	tokens               []int32 // [rows] what each row is at
	previous             int     // distance to the token of the step before
	start                bool    // whether this is the first step
	weights              []float32
	packed               []float32 // the units' part of the weights, as the routine pack made it
	bias                 []float32 // [hidden] of the product that a GRU's gate r acts on

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

// recurrentRoutines work through one tile of a step, and lay out the weights for it.
type recurrentRoutines struct {
	packForward  func(packed, weights []float32, cell Cell, hidden, first, units int)
	packBackward func(packed, weights []float32, cell Cell, hidden, first, units int)
	forward      func(t recurrentTile)
	backward     func(t recurrentTile)
}

// RecurrentForward computes the states y [tokens, hidden] from x [tokens, input], and saved, which has
// RecurrentSaved(r, tokens) elements, for RecurrentBackward.
func (c *CPU) RecurrentForward(r *Recurrent, y, saved, x, scratch []float32) {
	tokens := r.check(x, y)
	width, sequences := r.Cell.Gates()*r.Hidden, len(r.Starts)-1
	t := r.tile(y, saved)
	bias := take(&scratch, width)
	packed := take(&scratch, r.packedSize())
	states := [2][]float32{take(&scratch, sequences*r.Hidden), take(&scratch, sequences*r.Hidden)}
	t.memory = take(&scratch, sequences*r.Hidden)

	copy(bias, r.BiasIH)
	addTo(bias[:r.shared()*r.Hidden], r.BiasHH, true)
	if r.Cell == GRUCell {
		t.bias = r.BiasHH[2*r.Hidden:]
	}
	c.MatMul(&Product{Precision: r.Precision, M: tokens, N: width, K: r.Input, A: x, B: r.WeightIH, TransposeB: true, C: t.gates, LDC: t.gateStride, Bias: bias})
	r.pack(c, packed, c.routines.recurrent.packForward)

	order := c.order.sort(r.Starts, r.Reverse)
	step := func(_, tile int) {
		t := t
		t.at(tile, packed)
		c.routines.recurrent.forward(t)
	}
	for i := range order.alive {
		t.tokens, t.previous, t.start = order.tokens[:order.alive[i]], -order.direction, i == 0
		t.before, t.after = states[i%2], states[1-i%2]
		c.parallelWorker(ceilDivide(r.Hidden, recurrentUnits), step)
		order.advance(order.direction)
	}
}

// RecurrentBackward computes the gradients of x and the parameters from dy, that of y.
func (c *CPU) RecurrentBackward(r *Recurrent, g *RecurrentGradients, dy, y, saved, x, scratch []float32) {
	tokens := r.check(x, y)
	requireLength("dy", len(dy), len(y))
	width, sequences := r.Cell.Gates()*r.Hidden, len(r.Starts)-1
	t := r.tile(y, saved)
	packed := take(&scratch, r.packedSize())
	carry := [2][]float32{take(&scratch, sequences*width), take(&scratch, sequences*width)}
	t.memory = take(&scratch, sequences*r.Hidden)
	t.dy, t.dgates = dy, take(&scratch, tokens*width)
	if r.Cell == GRUCell {
		t.dextra = take(&scratch, tokens*r.Hidden)
	}
	r.pack(c, packed, c.routines.recurrent.packBackward)

	order := c.order.sort(r.Starts, r.Reverse)
	order.advance(order.direction * (len(order.alive) - 1))
	step := func(_, tile int) {
		t := t
		t.at(tile, packed)
		c.routines.recurrent.backward(t)
	}
	for i := len(order.alive) - 1; i >= 0; i-- {
		t.carried = len(t.tokens)
		t.tokens, t.previous, t.start = order.tokens[:order.alive[i]], -order.direction, i == 0
		t.next, t.now = carry[i%2], carry[1-i%2]
		c.parallelWorker(ceilDivide(r.Hidden, recurrentUnits), step)
		order.advance(-order.direction)
	}
	r.products(c, g, &t, x, scratch)
}

// products computes the gradients of x and the parameters from those of the gates.
func (r *Recurrent) products(c *CPU, g *RecurrentGradients, t *recurrentTile, x, scratch []float32) {
	h, width := r.Hidden, r.Cell.Gates()*r.Hidden
	tokens := len(t.dgates) / width
	sum, before := take(&scratch, width), take(&scratch, tokens*h)
	r.shift(c, before, t)
	if g.X != nil {
		c.MatMul(&Product{Precision: r.Precision, M: tokens, N: r.Input, K: width, A: t.dgates, B: r.WeightIH, C: g.X, Accumulate: g.Accumulate.X})
	}
	c.MatMul(&Product{Precision: r.Precision, M: width, N: r.Input, K: tokens, A: t.dgates, TransposeA: true, B: x, C: g.WeightIH,
		Accumulate: g.Accumulate.WeightIH})
	c.ColumnSum(sum, t.dgates, width, scratch, false)
	addTo(g.BiasIH, sum, g.Accumulate.BiasIH)

	shared := r.shared() * h
	c.MatMul(&Product{Precision: r.Precision, M: shared, N: h, K: tokens, A: t.dgates, LDA: width, TransposeA: true, B: before, C: g.WeightHH,
		Accumulate: g.Accumulate.WeightHH})
	addTo(g.BiasHH[:shared], sum, g.Accumulate.BiasHH)
	if shared < width {
		c.MatMul(&Product{Precision: r.Precision, M: h, N: h, K: tokens, A: t.dextra, TransposeA: true, B: before, C: g.WeightHH[shared*h:],
			Accumulate: g.Accumulate.WeightHH})
		c.ColumnSum(g.BiasHH[shared:], t.dextra, h, scratch, g.Accumulate.BiasHH)
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
func (r *Recurrent) shift(c *CPU, before []float32, t *recurrentTile) {
	h := r.Hidden
	c.parallel(len(r.Starts)-1, func(s int) {
		first, last := int(r.Starts[s]), int(r.Starts[s+1])-1
		for token := first; token <= last; token++ {
			row := before[token*h : (token+1)*h]
			switch {
			case !r.Reverse && token > first:
				copy(row, t.y[(token-1)*t.stride:])
			case r.Reverse && token < last:
				copy(row, t.y[(token+1)*t.stride:])
			default:
				clear(row)
			}
		}
	})
}

// tile describes the operands that all steps share.
func (r *Recurrent) tile(y, saved []float32) recurrentTile {
	tokens, width := int(r.Starts[len(r.Starts)-1]), r.Cell.Gates()*r.Hidden
	t := recurrentTile{cell: r.Cell, hidden: r.Hidden, weights: r.WeightHH, y: y, stride: max(r.Stride, r.Hidden)}
	requireAtLeast("saved", len(saved), RecurrentSaved(r, tokens))
	if r.Cell == TanhCell {
		t.gates, t.gateStride = y, t.stride
	} else {
		t.gates, t.gateStride, t.extra = saved[:tokens*width], width, saved[tokens*width:]
	}
	return t
}

// at makes the tile that of some units.
func (t *recurrentTile) at(tile int, packed []float32) {
	t.first = tile * recurrentUnits
	t.units = min(recurrentUnits, t.hidden-t.first)
	size := recurrentUnits * t.cell.Gates() * t.hidden
	t.packed = packed[tile*size : (tile+1)*size]
}

// pack lays out the weights of all tiles.
func (r *Recurrent) pack(c *CPU, packed []float32, pack func(packed, weights []float32, cell Cell, hidden, first, units int)) {
	c.parallel(ceilDivide(r.Hidden, recurrentUnits), func(tile int) {
		t := recurrentTile{cell: r.Cell, hidden: r.Hidden}
		t.at(tile, packed)
		pack(t.packed, r.WeightHH, r.Cell, r.Hidden, t.first, t.units)
	})
}

func (r *Recurrent) packedSize() int {
	return roundUp(r.Hidden, recurrentUnits) * r.Cell.Gates() * r.Hidden
}

// RecurrentSaved is the number of elements that RecurrentForward saves for tokens tokens: the gates, and of an LSTM c, of a
// GRU what its gate r acts on.
func RecurrentSaved(r *Recurrent, tokens int) int {
	if r.Cell == TanhCell {
		return 0
	}
	return tokens * (r.Cell.Gates() + 1) * r.Hidden
}

// RecurrentScratch is the length of the scratch of RecurrentForward or RecurrentBackward, for at most the given numbers.
func RecurrentScratch(r *Recurrent, tokens, sequences int, backward bool) int {
	h, width := r.Hidden, r.Cell.Gates()*r.Hidden
	if !backward {
		return takes(width, r.packedSize(), sequences*h, sequences*h, sequences*h)
	}
	return takes(r.packedSize(), sequences*width, sequences*width, sequences*h, tokens*width, tokens*h, width, tokens*h,
		ColumnSumScratch(tokens, width))
}

// check panics if the operands do not fit each other, and returns the number of tokens.
func (r *Recurrent) check(x, y []float32) int {
	tokens, width := int(r.Starts[len(r.Starts)-1]), r.Cell.Gates()*r.Hidden
	requireLength("x", len(x), tokens*r.Input)
	if tokens > 0 {
		requireAtLeast("y", len(y), (tokens-1)*max(r.Stride, r.Hidden)+r.Hidden)
	}
	requireLength("WeightIH", len(r.WeightIH), width*r.Input)
	requireLength("WeightHH", len(r.WeightHH), width*r.Hidden)
	requireLength("BiasIH", len(r.BiasIH), width)
	requireLength("BiasHH", len(r.BiasHH), width)
	return tokens
}

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
