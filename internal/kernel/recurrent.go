package kernel

import (
	"slices"

	"uer/internal/kernel/routine"
)

// Cell names a recurrent cell.
type Cell = routine.Cell

// The cells.
const (
	TanhCell = routine.TanhCell
	LSTMCell = routine.LSTMCell
	GRUCell  = routine.GRUCell
)

// Recurrent is one layer over a ragged batch, in one direction or in both: sequence s owns the tokens Starts[s] to Starts[s+1],
// in this order for the first direction, and from the last to the first for the second.
//
// The products with the input and those of the weights' gradients are done for all tokens at once. Only the products
// with the previous state go step by step; a step covers the sequences that are long enough for it, in both directions
// at once.
type Recurrent struct {
	Cell          Cell
	Input, Hidden int     // of a direction
	Starts        []int32 // [sequences+1] offsets into the tokens
	SplitInput    bool    // each direction reads its own half of X [tokens, 2*input]; otherwise both read X [tokens, input]

	Precision Precision // of the factors of all products

	Weights []RecurrentWeights // of the directions, one or two

	State []float32 // [states, hidden] of the only sequence before its first token, and afterwards after its last; nil for zeros

	X       Array
	Y       Array     // [tokens, directions*hidden], the states of the directions side by side
	Saved   Array     // RecurrentSaved elements, for the gradient; stored as X and Y are
	Scratch []float32 // ScratchSize elements
}

// RecurrentWeights are the parameters of one direction.
type RecurrentWeights struct {
	WeightIH []float32 // [gates*hidden, input]
	WeightHH []float32 // [gates*hidden, hidden]
	BiasIH   []float32 // [gates*hidden]
	BiasHH   []float32 // [gates*hidden]
}

// RecurrentGradient is the gradients of a Recurrent, whose Y and Saved have been computed, given that of Y.
type RecurrentGradient struct {
	Recurrent
	DY       Array  // [tokens, directions*hidden]
	DX       Output // as X
	DWeights []RecurrentWeightGradients
}

// RecurrentWeightGradients are the gradients of the RecurrentWeights of a direction. All are wanted.
type RecurrentWeightGradients struct{ WeightIH, WeightHH, BiasIH, BiasHH Output }

// RecurrentForward computes Y and Saved.
func (c *CPU) RecurrentForward(r *Recurrent) {
	r.check()
	requireScratch(r.Scratch, r.ScratchSize(c))
	scratch, width := r.Scratch, r.Cell.Gates()*r.Hidden
	bias, partials := take(&scratch, width), take(&scratch, r.partialSums(c))
	directions, packed := make([]routine.RecurrentStep, len(r.Weights)), make([]Packed, len(r.Weights))
	for d, w := range r.Weights {
		t := &directions[d]
		*t = r.direction(d)
		packed[d] = r.layOut(c, t, &scratch, r.Hidden, width, true)
		t.Before, t.After = take(&scratch, r.sequences()*r.Hidden), take(&scratch, r.sequences()*r.Hidden)
		t.Memory = take(&scratch, r.sequences()*r.Hidden)
		copy(bias, w.BiasIH)
		addTo(bias[:r.shared()*r.Hidden], w.BiasHH)
		if r.Cell == GRUCell {
			t.Bias = w.BiasHH[2*r.Hidden:]
		}
		c.MatMul(&Product{Precision: r.Precision, M: r.tokens(), N: width, K: r.Input, A: r.X.From(r.column(d)), LDA: r.inputWidth(),
			B: Floats(w.WeightIH), TransposeB: true, C: t.Gates, LDC: t.GateStride, Bias: bias, Scratch: partials})
	}
	if r.Precision == Float32 {
		c.parallelWorker(unitTiles(directions, c.table.Recurrent.PackForward))
	}
	tiles, step := unitTiles(directions, c.table.Recurrent.Forward)
	order := c.order.sort(r.Starts)
	r.restore(directions)
	for i, alive := range order.alive {
		for d := range directions {
			t := &directions[d]
			t.Tokens, t.Start = order.tokens[d][:alive], i == 0 && r.State == nil
			t.Before, t.After = t.After, t.Before
			if !t.Start {
				r.multiply(c, t, &packed[d], len(t.Tokens), t.Before)
			}
		}
		c.parallelWorker(tiles, step)
		order.advance(1)
	}
	r.remember(directions)
}

// restore makes the first step begin with State.
func (r *Recurrent) restore(directions []routine.RecurrentStep) {
	if r.State != nil {
		copy(directions[0].After, r.State[:r.Hidden])
		copy(directions[0].Memory, r.State[r.Hidden:])
	}
}

// remember sets State to what the last step has left.
func (r *Recurrent) remember(directions []routine.RecurrentStep) {
	if r.State != nil {
		copy(r.State[:r.Hidden], directions[0].After)
		copy(r.State[r.Hidden:], directions[0].Memory)
	}
}

// RecurrentBackward computes the outputs of a RecurrentGradient.
func (c *CPU) RecurrentBackward(g *RecurrentGradient) {
	g.check()
	requireScratch(g.Scratch, g.ScratchSize(c))
	scratch, width := g.Scratch, g.Cell.Gates()*g.Hidden
	directions, packed := make([]routine.RecurrentStep, len(g.Weights)), make([]Packed, len(g.Weights))
	for d := range directions {
		t := &directions[d]
		*t = g.direction(d)
		packed[d] = g.layOut(c, t, &scratch, width, g.Hidden, false)
		t.Next, t.Now = take(&scratch, g.sequences()*width), take(&scratch, g.sequences()*width)
		t.Memory = take(&scratch, g.sequences()*g.Hidden)
		t.DY, t.DGates = g.DY.From(d*g.Hidden), takeLike(g.Y, &scratch, g.tokens()*width)
		if g.Cell == GRUCell {
			t.DExtra = takeLike(g.Y, &scratch, g.tokens()*g.Hidden)
		}
	}
	if g.Precision == Float32 {
		c.parallelWorker(unitTiles(directions, c.table.Recurrent.PackBackward))
	}
	tiles, step := unitTiles(directions, c.table.Recurrent.Backward)
	order := c.order.sort(g.Starts)
	order.advance(len(order.alive) - 1)
	for i, alive := range slices.Backward(order.alive) {
		for d := range directions {
			t := &directions[d]
			t.Carried = len(t.Tokens)
			t.Tokens, t.Start = order.tokens[d][:alive], i == 0
			t.Next, t.Now = t.Now, t.Next
			g.multiply(c, t, &packed[d], t.Carried, t.Next)
		}
		c.parallelWorker(tiles, step)
		order.advance(-1)
	}
	for d := range directions {
		g.products(c, d, &directions[d], scratch)
	}
}

// products computes the gradients of X and the parameters of a direction from those of the gates.
func (g *RecurrentGradient) products(c *CPU, d int, t *routine.RecurrentStep, scratch []float32) {
	h, width, tokens := g.Hidden, g.Cell.Gates()*g.Hidden, g.tokens()
	dw := &g.DWeights[d]
	sum, before := take(&scratch, width), takeLike(g.Y, &scratch, tokens*h)
	g.shift(c, before, t)
	if g.DX.To.Present() {
		c.MatMul(&Product{Precision: g.Precision, M: tokens, N: g.Input, K: width, A: t.DGates, B: Floats(g.Weights[d].WeightIH),
			C: g.DX.To.From(g.column(d)), LDC: g.inputWidth(), Accumulate: g.DX.Accumulate || d > 0 && !g.SplitInput, Scratch: scratch})
	}
	c.MatMul(&Product{Precision: g.Precision, M: width, N: g.Input, K: tokens, A: t.DGates, TransposeA: true,
		B: g.X.From(g.column(d)), LDB: g.inputWidth(), C: dw.WeightIH.To, Accumulate: dw.WeightIH.Accumulate})
	c.ColumnSum(sum, t.DGates, width, scratch, false)
	put(dw.BiasIH, sum)

	shared := g.shared() * h
	c.MatMul(&Product{Precision: g.Precision, M: shared, N: h, K: tokens, A: t.DGates, LDA: width, TransposeA: true, B: before,
		C: dw.WeightHH.To, Accumulate: dw.WeightHH.Accumulate})
	put(dw.BiasHH.Slice(0, shared), sum)
	if shared < width {
		c.MatMul(&Product{Precision: g.Precision, M: h, N: h, K: tokens, A: t.DExtra, TransposeA: true, B: before,
			C: dw.WeightHH.To.From(shared * h), Accumulate: dw.WeightHH.Accumulate})
		c.ColumnSum(dw.BiasHH.To.Floats[shared:], t.DExtra, h, scratch, dw.BiasHH.Accumulate)
	}
}

// shared is the number of gates that simply add their sums with the input and with the state, which so have one gradient.
func (r *Recurrent) shared() int {
	if r.Cell == GRUCell {
		return 2
	}
	return r.Cell.Gates()
}

// states is the number of vectors that a cell passes on: h and, of an LSTM, c.
func (r *Recurrent) states() int {
	if r.Cell == LSTMCell {
		return 2
	}
	return 1
}

// shift copies the state from which each token starts.
func (r *Recurrent) shift(c *CPU, before Array, t *routine.RecurrentStep) {
	h := r.Hidden
	c.parallel(len(r.Starts)-1, func(s int) {
		first, last := int(r.Starts[s]), int(r.Starts[s+1])-1
		for token := first; token <= last; token++ {
			row := before.Slice(token*h, (token+1)*h)
			if from := token + t.Previous; from < first || from > last {
				clearArray(row)
			} else {
				copyArray(row, t.Y.Slice(from*t.Stride, from*t.Stride+h))
			}
		}
	})
}

// direction describes the operands that all steps of a direction share.
func (r *Recurrent) direction(d int) routine.RecurrentStep {
	tokens, width := r.tokens(), r.Cell.Gates()*r.Hidden
	t := routine.RecurrentStep{Cell: r.Cell, Hidden: r.Hidden, Weights: r.Weights[d].WeightHH, Previous: 2*d - 1,
		Y: r.Y.From(d * r.Hidden), Stride: len(r.Weights) * r.Hidden, GateStride: r.gateStride()}
	if r.Cell == TanhCell {
		t.Gates = t.Y
	} else {
		saved := r.Saved.From(d * tokens * (width + r.Hidden))
		t.Gates, t.Extra = saved.Slice(0, tokens*width), saved.From(tokens*width)
	}
	return t
}

// unitTiles returns the number of tiles of a step in all directions, and a function that calls a routine for one of them.
func unitTiles(directions []routine.RecurrentStep, call func(routine.RecurrentTile)) (tiles int, body func(worker, tile int)) {
	const units = routine.RecurrentUnits
	hidden := directions[0].Hidden
	each := routine.CeilDivide(hidden, units)
	return len(directions) * each, func(_, tile int) {
		first := tile % each * units
		call(routine.RecurrentTile{RecurrentStep: &directions[tile/each], First: first, Units: min(units, hidden-first)})
	}
}

// packedSize is the room for the packed weights of a direction, as a matrix [k, n].
func (r *Recurrent) packedSize(c *CPU, k, n int) int {
	if r.Precision == Float32 {
		return routine.RoundUp(r.Hidden, routine.RecurrentUnits) * r.Cell.Gates() * r.Hidden
	}
	return c.PackedSize(k, n, r.Precision)
}

// layOut prepares a direction's products with its weights, as a matrix [k, n]: in float32 the steps compute them themselves,
// otherwise multiply does, with the packed weights that are returned.
func (r *Recurrent) layOut(c *CPU, t *routine.RecurrentStep, scratch *[]float32, k, n int, transpose bool) Packed {
	memory := take(scratch, r.packedSize(c, k, n))
	if r.Precision == Float32 {
		t.Packed = memory
		return Packed{}
	}
	t.Sums = take(scratch, r.sequences()*n)
	return c.Pack(memory, Floats(t.Weights), 0, k, n, transpose, r.Precision)
}

// multiply computes the Sums of a step from x [rows, k], unless the step does.
func (r *Recurrent) multiply(c *CPU, t *routine.RecurrentStep, weights *Packed, rows int, x []float32) {
	if t.Sums != nil && rows > 0 {
		c.MatMul(&Product{Precision: r.Precision, M: rows, N: weights.n, K: weights.k, A: Floats(x), Packed: weights, C: Floats(t.Sums)})
	}
}

// sumsSize is what layOut takes for the Sums of a direction, [sequences, width].
func (r *Recurrent) sumsSize(width int) int {
	if r.Precision == Float32 {
		return 0
	}
	return takes(r.sequences() * width)
}

func (r *Recurrent) tokens() int    { return int(r.Starts[len(r.Starts)-1]) }
func (r *Recurrent) sequences() int { return len(r.Starts) - 1 }

// gateStride is the distance between the gates of two tokens. The gate of a TanhCell is its state.
func (r *Recurrent) gateStride() int {
	if r.Cell == TanhCell {
		return len(r.Weights) * r.Hidden
	}
	return r.Cell.Gates() * r.Hidden
}

// inputWidth is the length of a row of X.
func (r *Recurrent) inputWidth() int {
	if r.SplitInput {
		return len(r.Weights) * r.Input
	}
	return r.Input
}

// column is the first column of X that a direction reads.
func (r *Recurrent) column(d int) int {
	if r.SplitInput {
		return d * r.Input
	}
	return 0
}

// RecurrentSaved is the number of elements that RecurrentForward saves for states [tokens, width]: of each direction the
// gates, and of an LSTM c, of a GRU what its gate r acts on.
func RecurrentSaved(cell Cell, tokens, width int) int {
	if cell == TanhCell {
		return 0
	}
	return tokens * (cell.Gates() + 1) * width
}

// ScratchSize is the length of Scratch.
func (r *Recurrent) ScratchSize(c *CPU) int {
	width, states := r.Cell.Gates()*r.Hidden, r.sequences()*r.Hidden
	return takes(width, r.partialSums(c)) +
		len(r.Weights)*(r.sumsSize(width)+takes(r.packedSize(c, r.Hidden, width), states, states, states))
}

// ScratchSize is the length of Scratch.
func (g *RecurrentGradient) ScratchSize(c *CPU) int {
	h, width, tokens, sequences := g.Hidden, g.Cell.Gates()*g.Hidden, g.tokens(), g.sequences()
	stored := func(n int) int { return sizeLike(g.Y, n) }
	direction := g.sumsSize(h) +
		takes(g.packedSize(c, width, h), sequences*width, sequences*width, sequences*h, stored(tokens*width))
	if g.Cell == GRUCell {
		direction += takes(stored(tokens * h))
	}
	return len(g.Weights)*direction +
		takes(width, stored(tokens*h), max(ColumnSumScratch(tokens, width), g.partialSums(c)))
}

// partialSums is what the product with the input takes.
func (r *Recurrent) partialSums(c *CPU) int {
	if r.Y.Halves == nil {
		return 0
	}
	return c.PartialSums(r.tokens(), r.gateStride(), r.Input, r.Precision)
}

// partialSums is what the product for DX takes.
func (g *RecurrentGradient) partialSums(c *CPU) int {
	if g.Y.Halves == nil {
		return 0
	}
	return c.PartialSums(g.tokens(), g.inputWidth(), g.Cell.Gates()*g.Hidden, g.Precision)
}

// check panics if the operands do not fit each other.
func (r *Recurrent) check() {
	width := r.Cell.Gates() * r.Hidden
	requireLength("X", r.X.Len(), r.tokens()*r.inputWidth())
	requireLength("Y", r.Y.Len(), r.tokens()*len(r.Weights)*r.Hidden)
	requireStored("Y", r.Y, r.X)
	if r.State != nil {
		requireLength("State", len(r.State), r.states()*r.Hidden)
		requireLength("Starts", len(r.Starts), 2)
		requireLength("Weights", len(r.Weights), 1)
	}
	requireAtLeast("Saved", r.Saved.Len(), RecurrentSaved(r.Cell, r.tokens(), len(r.Weights)*r.Hidden))
	requireStored("Saved", r.Saved, r.X)
	for _, w := range r.Weights {
		requireLength("WeightIH", len(w.WeightIH), width*r.Input)
		requireLength("WeightHH", len(w.WeightHH), width*r.Hidden)
		requireLength("BiasIH", len(w.BiasIH), width)
		requireLength("BiasHH", len(w.BiasHH), width)
	}
}

func (g *RecurrentGradient) check() {
	g.Recurrent.check()
	requireLike("DY", g.DY, g.Y)
	requireOptionalLike("DX", g.DX.To, g.X)
	for d, w := range g.DWeights {
		requireLength("gradient of WeightIH", w.WeightIH.To.Len(), len(g.Weights[d].WeightIH))
		requireLength("gradient of WeightHH", w.WeightHH.To.Len(), len(g.Weights[d].WeightHH))
		requireLength("gradient of BiasIH", w.BiasIH.To.Len(), len(g.Weights[d].BiasIH))
		requireLength("gradient of BiasHH", w.BiasHH.To.Len(), len(g.Weights[d].BiasHH))
	}
}
