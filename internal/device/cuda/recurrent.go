package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
	"uer/internal/graph"
	"uer/internal/op"
)

// recurrentStems are the cells in the names of their kernels.
var recurrentStems = [...]string{op.TanhCell: "tanh", op.LSTMCell: "lstm", op.GRUCell: "gru"}

// recurrentWeights are the weights of one direction.
type recurrentWeights struct{ inputWeight, stateWeight, inputBias, stateBias operand }

// recurrent is the layer over the present batch.
type recurrent struct {
	op.Recurrent
	x, starts operand
	weights   []recurrentWeights // of each direction
	tokens    int
	sequences int
	input     int // elements of x that a direction reads
	hidden    int
	width     int // of all gates
	alive     []int32
	order     driver.Pointer // [sequences], longest first
}

// recurrentOf describes the layer. The inputs are those of op.Recurrent.
func recurrentOf(r *run, o op.Recurrent, in []operand, order *kernels.SequenceOrder) recurrent {
	l := recurrent{Recurrent: o, x: in[0], starts: in[len(in)-1], order: r.derived}
	l.weights = directionsOf(in[1 : len(in)-1])
	l.tokens, l.sequences = l.x.Shape[0], l.starts.Shape.Elements()-1
	l.input, l.hidden = l.weights[0].inputWeight.Shape[1], l.weights[0].stateWeight.Shape[1]
	l.width = o.Cell.Gates() * l.hidden
	if !r.planning {
		l.alive = order.Alive
	}
	return l
}

func directionsOf(list []operand) []recurrentWeights {
	var weights []recurrentWeights
	for ; len(list) > 0; list = list[op.RecurrentWeights:] {
		weights = append(weights, recurrentWeights{list[0], list[1], list[2], list[3]})
	}
	return weights
}

// sortSequences lets the host order the sequences of a batch by length.
func (b *binder) sortSequences() *kernels.SequenceOrder {
	order, starts := &kernels.SequenceOrder{}, len(b.in)-1
	b.derives(b.in[starts].Elements(), func(in []operand, to []int32) {
		order.Sort(in[starts].Integers)
		copy(to, order.Sequences)
	})
	return order
}

// recurrentSaved is what the layer saves for its gradient: of each direction the values of the gates [tokens, gates·hidden],
// and then of each the state of an LSTM's cell, or a GRU's share of the state in its new one [tokens, hidden].
func recurrentSaved(o op.Recurrent, in []graph.Shape) int {
	if o.Cell == op.TanhCell {
		return 0
	}
	return o.Directions * in[0][0] * (o.Cell.Gates() + 1) * in[2][1]
}

func bindRecurrent(b *binder, o op.Recurrent) compute {
	order := b.sortSequences()
	step, add, copies := b.stored("recurrent_"+recurrentStems[o.Cell]), b.kernel("add_float"), b.kernel("copy_float")
	return func(r *run, out, in []operand, _ []bool) {
		l := recurrentOf(r, o, in, order)
		gates := out[1].At
		if gates == 0 {
			gates = r.floats(recurrentSaved(o, []graph.Shape{l.x.Shape, nil, l.weights[0].stateWeight.Shape}))
		}
		extra := gates + driver.Pointer(4*o.Directions*l.tokens*l.width)
		// Biases of the state join those of the input, but for a GRU's new state, where the reset gate comes between.
		joined := l.width
		if o.Cell == op.GRUCell {
			joined = 2 * l.hidden
		}
		bias := r.floats(l.width) // [gates·hidden]
		for d, w := range l.weights {
			r.launch(add, over(joined, 1024), pointer(bias), at(w.inputBias), at(w.stateBias), elements(joined))
			if rest := l.width - joined; rest > 0 {
				r.launch(copies, over(rest, 1024), pointer(bias+driver.Pointer(4*joined)),
					pointer(w.inputBias.At+driver.Pointer(4*joined)), elements(rest), flag(false))
			}
			to := driver.Matrix{At: gates + driver.Pointer(4*d*l.tokens*l.width)}
			if o.Cell == op.TanhCell {
				to = driver.Matrix{At: out[0].At + driver.Pointer(4*d*l.hidden), Stride: o.Directions * l.hidden}
			}
			r.multiply(toFloat, driver.Product{
				M: l.tokens, N: l.width, K: l.input, A: l.inputOf(l.x.At, d),
				B: driver.Matrix{At: w.inputWeight.At, Transposed: true}, D: to, Bias: bias,
			})
		}
		for i := range l.alive {
			arguments := []driver.Argument{at(out[0])}
			if o.Cell != op.TanhCell {
				arguments = append(arguments, pointer(gates), pointer(extra))
			}
			arguments = append(arguments, l.stateWeights()...)
			if o.Cell == op.GRUCell {
				arguments = append(arguments, l.newStateBias(0), l.newStateBias(1))
			}
			r.launch(step, l.grid(i), append(arguments, l.step(i)...)...)
		}
	}
}

// inputOf is the part of x, or of its gradient, that belongs to a direction.
func (l *recurrent) inputOf(x driver.Pointer, direction int) driver.Matrix {
	if l.SplitInput {
		return driver.Matrix{At: x + driver.Pointer(4*direction*l.input), Stride: l.Directions * l.input}
	}
	return driver.Matrix{At: x}
}

// stateWeights are those of both directions, the second one null if there is one only.
func (l *recurrent) stateWeights() []driver.Argument {
	arguments := []driver.Argument{at(l.weights[0].stateWeight), pointer(0)}
	if l.Directions == 2 {
		arguments[1] = at(l.weights[1].stateWeight)
	}
	return arguments
}

// newStateBias is the bias of a GRU's gate n.
func (l *recurrent) newStateBias(direction int) driver.Argument {
	if direction >= l.Directions {
		return pointer(0)
	}
	return pointer(l.weights[direction].stateBias.At + driver.Pointer(4*2*l.hidden))
}

func (l *recurrent) grid(step int) driver.Dim {
	return driver.Dim{(l.hidden + 7) / 8, (int(l.alive[step]) + 31) / 32, l.Directions}
}

// step are the arguments that all kernels of steps share.
func (l *recurrent) step(i int) []driver.Argument {
	return []driver.Argument{
		at(l.starts), pointer(l.order), count(int(l.alive[i])), count(l.tokens), count(l.hidden), count(l.Directions), count(i),
	}
}

func bindRecurrentGradient(b *binder, o op.RecurrentGradient) compute {
	order := b.sortSequences()
	step := b.stored("recurrent_" + recurrentStems[o.Cell] + "_gradient")
	before, sums := b.stored("recurrent_before"), newColumnSums(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		y, gates, dy := in[0], in[1].At, in[2]
		l := recurrentOf(r, op.Recurrent(o), in[3:], order)
		extra := gates + driver.Pointer(4*o.Directions*l.tokens*l.width)
		dgates := r.floats(o.Directions * l.tokens * l.width)    // [directions, tokens, gates·hidden]
		dextra := r.floats(o.Directions * l.tokens * l.hidden)   // [directions, tokens, hidden]
		carry := r.floats(o.Directions * l.sequences * l.hidden) // [directions, sequences, hidden]
		carried := 0
		for i := len(l.alive) - 1; i >= 0; i-- {
			var arguments []driver.Argument
			switch o.Cell {
			case op.TanhCell:
				arguments = []driver.Argument{pointer(dgates), at(dy), at(y)}
			case op.LSTMCell:
				arguments = []driver.Argument{pointer(dgates), pointer(carry), at(dy), pointer(gates), pointer(extra)}
			case op.GRUCell:
				arguments = []driver.Argument{
					pointer(dgates), pointer(dextra), pointer(carry), at(dy), at(y), pointer(gates), pointer(extra),
				}
			}
			arguments = append(append(arguments, l.stateWeights()...), l.step(i)...)
			if o.Cell != op.TanhCell {
				arguments = append(arguments, count(l.sequences))
			}
			r.launch(step, l.grid(i), append(arguments, count(carried))...)
			carried = int(l.alive[i])
		}
		g := recurrentGradients{
			recurrent: &l, y: y, before: before, sums: sums, states: r.floats(l.tokens * l.hidden),
			partials: r.floats(maxRowBlocks * l.width),
		}
		for d, to := range directionsOf(out[1:]) {
			ds := dgates + driver.Pointer(4*d*l.tokens*l.width)
			dn := dextra + driver.Pointer(4*d*l.tokens*l.hidden)
			add := accumulate[1+d*op.RecurrentWeights:]
			if out[0].wanted() { // dx = Σ ds W
				r.multiply(toFloat, driver.Product{
					M: l.tokens, N: l.input, K: l.width, A: driver.Matrix{At: ds}, B: driver.Matrix{At: l.weights[d].inputWeight.At},
					D: l.inputOf(out[0].At, d), Beta: beta(accumulate[0] || d > 0 && !o.SplitInput),
				})
			}
			g.ofInput(r, to, ds, l.inputOf(l.x.At, d), add)
			g.ofState(r, to, ds, dn, d, add)
		}
	}
}

// maxRowBlocks is the number of partial sums of any number of rows.
const maxRowBlocks = 128

// recurrentGradients makes the gradients of the weights from those of the gates.
type recurrentGradients struct {
	*recurrent
	y                operand
	before           *function
	sums             columnSums
	states, partials driver.Pointer // scratch: [tokens, hidden], [blocks, gates·hidden]
}

// ofInput makes those of the input's weight and bias, given ds [tokens, gates·hidden].
func (g *recurrentGradients) ofInput(r *run, to recurrentWeights, ds driver.Pointer, x driver.Matrix, add []bool) {
	if to.inputWeight.wanted() {
		r.multiply(toFloat, driver.Product{
			M: g.width, N: g.input, K: g.tokens, A: driver.Matrix{At: ds, Transposed: true}, B: x,
			D: driver.Matrix{At: to.inputWeight.At}, Beta: beta(add[0]),
		})
	}
	if to.inputBias.wanted() {
		g.sum(r, to.inputBias.At, ds, g.width, g.width, add[2])
	}
}

// ofState makes those of the state's weight and bias. A GRU's gate n has a gradient of its own there, dn [tokens, hidden].
func (g *recurrentGradients) ofState(r *run, to recurrentWeights, ds, dn driver.Pointer, direction int, add []bool) {
	shared := g.width
	if g.Cell == op.GRUCell {
		shared = 2 * g.hidden
	}
	last := g.width - shared
	if to.stateWeight.wanted() {
		r.launch(g.before, cells(g.tokens, g.hidden), pointer(g.states), at(g.y), at(g.starts), count(g.sequences),
			count(g.tokens), count(g.hidden), count(g.Directions), count(direction))
		product := driver.Product{
			M: shared, N: g.hidden, K: g.tokens, A: driver.Matrix{At: ds, Stride: g.width, Transposed: true},
			B: driver.Matrix{At: g.states}, D: driver.Matrix{At: to.stateWeight.At}, Beta: beta(add[1]),
		}
		r.multiply(toFloat, product)
		if last > 0 {
			product.M, product.A = last, driver.Matrix{At: dn, Transposed: true}
			product.D.At += driver.Pointer(4 * shared * g.hidden)
			r.multiply(toFloat, product)
		}
	}
	if to.stateBias.wanted() {
		g.sum(r, to.stateBias.At, ds, shared, g.width, add[3])
		if last > 0 {
			g.sum(r, to.stateBias.At+driver.Pointer(4*shared), dn, last, last, add[3])
		}
	}
}

// sum adds up the first columns of x [tokens, stride].
func (g *recurrentGradients) sum(r *run, out, x driver.Pointer, width, stride int, accumulate bool) {
	blocks, _ := kernels.RowBlocks(g.tokens)
	g.sums.first(r, g.partials, x, g.tokens, width, stride)
	g.sums.second(r, out, g.partials, blocks, width, width, accumulate)
}
