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

// RecurrentForward computes the states y [tokens, directions*hidden] from x, and saved, of RecurrentSaved
// elements, for RecurrentBackward.
func (c *CPU) RecurrentForward(r *Recurrent, y, saved, x, scratch []float32) {
	tokens := r.check(x, y)
	width, sequences := r.Cell.Gates()*r.Hidden, len(r.Starts)-1
	bias := take(&scratch, width)
	directions := make([]routine.RecurrentStep, len(r.Weights))
	for d, w := range r.Weights {
		t := &directions[d]
		*t = r.direction(d, y, saved)
		t.Packed = take(&scratch, r.packedSize())
		t.Before, t.After = take(&scratch, sequences*r.Hidden), take(&scratch, sequences*r.Hidden)
		t.Memory = take(&scratch, sequences*r.Hidden)
		copy(bias, w.BiasIH)
		addTo(bias[:r.shared()*r.Hidden], w.BiasHH, true)
		if r.Cell == GRUCell {
			t.Bias = w.BiasHH[2*r.Hidden:]
		}
		c.MatMul(&Product{Precision: r.Precision, M: tokens, N: width, K: r.Input, A: from(x, r.column(d)), LDA: r.inputWidth(),
			B: w.WeightIH, TransposeB: true, C: t.Gates, LDC: t.GateStride, Bias: bias})
	}
	c.parallelWorker(unitTiles(directions, c.table.Recurrent.PackForward))
	tiles, step := unitTiles(directions, c.table.Recurrent.Forward)
	order := c.order.sort(r.Starts)
	for i, alive := range order.alive {
		for d := range directions {
			t := &directions[d]
			t.Tokens, t.Start = order.tokens[d][:alive], i == 0
			t.Before, t.After = t.After, t.Before
		}
		c.parallelWorker(tiles, step)
		order.advance(1)
	}
}

// RecurrentBackward computes the gradients of x and the parameters from dy, that of y.
func (c *CPU) RecurrentBackward(r *Recurrent, g *RecurrentGradients, dy, y, saved, x, scratch []float32) {
	tokens := r.check(x, y)
	requireLength("dy", len(dy), len(y))
	width, sequences := r.Cell.Gates()*r.Hidden, len(r.Starts)-1
	directions := make([]routine.RecurrentStep, len(r.Weights))
	for d := range directions {
		t := &directions[d]
		*t = r.direction(d, y, saved)
		t.Packed = take(&scratch, r.packedSize())
		t.Next, t.Now = take(&scratch, sequences*width), take(&scratch, sequences*width)
		t.Memory = take(&scratch, sequences*r.Hidden)
		t.DY, t.DGates = from(dy, d*r.Hidden), take(&scratch, tokens*width)
		if r.Cell == GRUCell {
			t.DExtra = take(&scratch, tokens*r.Hidden)
		}
	}
	c.parallelWorker(unitTiles(directions, c.table.Recurrent.PackBackward))
	tiles, step := unitTiles(directions, c.table.Recurrent.Backward)
	order := c.order.sort(r.Starts)
	order.advance(len(order.alive) - 1)
	for i, alive := range slices.Backward(order.alive) {
		for d := range directions {
			t := &directions[d]
			t.Carried = len(t.Tokens)
			t.Tokens, t.Start = order.tokens[d][:alive], i == 0
			t.Next, t.Now = t.Now, t.Next
		}
		c.parallelWorker(tiles, step)
		order.advance(-1)
	}
	for d := range directions {
		r.products(c, g, d, &directions[d], x, scratch)
	}
}

// products computes the gradients of x and the parameters of a direction from those of the gates.
func (r *Recurrent) products(c *CPU, g *RecurrentGradients, d int, t *routine.RecurrentStep, x, scratch []float32) {
	h, width := r.Hidden, r.Cell.Gates()*r.Hidden
	tokens := len(t.DGates) / width
	w, to, add := &r.Weights[d], &g.Weights[d], &g.Accumulate[d]
	sum, before := take(&scratch, width), take(&scratch, tokens*h)
	r.shift(c, before, t)
	if g.X != nil {
		c.MatMul(&Product{Precision: r.Precision, M: tokens, N: r.Input, K: width, A: t.DGates, B: w.WeightIH, C: from(g.X, r.column(d)),
			LDC: r.inputWidth(), Accumulate: g.AccumulateX || d > 0 && !r.Apart})
	}
	c.MatMul(&Product{Precision: r.Precision, M: width, N: r.Input, K: tokens, A: t.DGates, TransposeA: true, B: from(x, r.column(d)),
		LDB: r.inputWidth(), C: to.WeightIH, Accumulate: add.WeightIH})
	c.ColumnSum(sum, t.DGates, width, scratch, false)
	addTo(to.BiasIH, sum, add.BiasIH)

	shared := r.shared() * h
	c.MatMul(&Product{Precision: r.Precision, M: shared, N: h, K: tokens, A: t.DGates, LDA: width, TransposeA: true, B: before,
		C: to.WeightHH, Accumulate: add.WeightHH})
	addTo(to.BiasHH[:shared], sum, add.BiasHH)
	if shared < width {
		c.MatMul(&Product{Precision: r.Precision, M: h, N: h, K: tokens, A: t.DExtra, TransposeA: true, B: before,
			C: to.WeightHH[shared*h:], Accumulate: add.WeightHH})
		c.ColumnSum(to.BiasHH[shared:], t.DExtra, h, scratch, add.BiasHH)
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
func (r *Recurrent) shift(c *CPU, before []float32, t *routine.RecurrentStep) {
	h := r.Hidden
	c.parallel(len(r.Starts)-1, func(s int) {
		first, last := int(r.Starts[s]), int(r.Starts[s+1])-1
		for token := first; token <= last; token++ {
			row := before[token*h : (token+1)*h]
			if from := token + t.Previous; from < first || from > last {
				clear(row)
			} else {
				copy(row, t.Y[from*t.Stride:])
			}
		}
	})
}

// direction describes the operands that all steps of a direction share.
func (r *Recurrent) direction(d int, y, saved []float32) routine.RecurrentStep {
	tokens, width := int(r.Starts[len(r.Starts)-1]), r.Cell.Gates()*r.Hidden
	t := routine.RecurrentStep{Cell: r.Cell, Hidden: r.Hidden, Weights: r.Weights[d].WeightHH, Previous: 2*d - 1,
		Y: from(y, d*r.Hidden), Stride: len(r.Weights) * r.Hidden}
	requireAtLeast("saved", saved, RecurrentSaved(r.Cell, tokens, t.Stride))
	if r.Cell == TanhCell {
		t.Gates, t.GateStride = t.Y, t.Stride
	} else {
		saved = saved[d*tokens*(width+r.Hidden):]
		t.Gates, t.GateStride, t.Extra = saved[:tokens*width], width, saved[tokens*width:]
	}
	return t
}

// unitTiles is the number of tiles of all directions, which share the work of one step, and what to call for each: a
// routine on the tile's units.
func unitTiles(directions []routine.RecurrentStep, call func(routine.RecurrentStep)) (tiles int, body func(worker, tile int)) {
	const units = routine.RecurrentUnits
	each := routine.CeilDivide(directions[0].Hidden, units)
	return len(directions) * each, func(_, tile int) {
		t := directions[tile/each]
		tile %= each
		t.First, t.Units = tile*units, min(units, t.Hidden-tile*units)
		size := units * t.Cell.Gates() * t.Hidden
		t.Packed = t.Packed[tile*size : (tile+1)*size]
		call(t)
	}
}

func (r *Recurrent) packedSize() int {
	return routine.RoundUp(r.Hidden, routine.RecurrentUnits) * r.Cell.Gates() * r.Hidden
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
