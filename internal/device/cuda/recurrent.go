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
	from      int // the first step that is computed
	sorted    *kernels.SequenceOrder
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
		l.sorted = order
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
func recurrentSaved(_ *binder, o op.Recurrent, in []graph.Shape) int {
	if o.Cell == op.TanhCell {
		return 0
	}
	return o.Directions * in[0][0] * (o.Cell.Gates() + 1) * in[2][1]
}

// recurrentKernel computes a layer, or its gradient.
type recurrentKernel struct {
	*function
	tile     kernels.RecurrentTile
	most     int // blocks that run at the same time
	backward bool
}

// recurrentKernel finds the kernel for a layer of so many units.
func (b *binder) recurrentKernel(cell op.Cell, hidden int, backward bool) recurrentKernel {
	stem := recurrentStems[cell]
	if backward {
		stem += "_gradient"
	}
	k := recurrentKernel{tile: kernels.RecurrentFloat, backward: backward}
	if b.device.activations == graph.BFloat16 {
		k.tile, k.function = kernels.RecurrentBFloat16, b.kernel(kernels.RecurrentKernel(stem, hidden))
	} else {
		k.function = b.kernel("recurrent_" + stem + "_float")
	}
	if b.keep(b.device.settle()); b.err == nil {
		var err error
		k.most, err = k.MostTogether(k.block[0], 0)
		b.keep(err)
	}
	return k
}

// compute begins all steps of the layer. What the kernel's parameters name carry, which is null for most cells, stands
// between those before it and those after it.
func (l *recurrent) compute(r *run, k recurrentKernel, before []driver.Argument, carry driver.Pointer, after ...driver.Argument) {
	tiles := (l.sequences + k.tile.Rows - 1) / k.tile.Rows
	arrived := r.scratch(4 * l.Directions * tiles)
	if l.sorted == nil {
		return
	}
	for p := range kernels.RecurrentLaunches(l.sorted, k.tile, l.hidden, l.Directions, k.most, k.backward) {
		if p.Begin = max(p.Begin, l.from); p.Begin >= p.End {
			continue
		}
		arguments := append([]driver.Argument{}, before...)
		if carry != 0 {
			arguments = append(arguments, pointer(carry+driver.Pointer(4*p.Row*l.hidden)))
		}
		arguments = append(append(arguments, pointer(arrived)), after...)
		arguments = append(arguments, at(l.starts), pointer(l.order+driver.Pointer(4*p.Row)), count(p.Rows), count(l.sequences),
			count(l.tokens), count(l.hidden), count(l.Directions), count(p.Direction), count(p.Begin), count(p.End))
		if p.Together {
			r.zero(arrived, l.Directions*p.Grid[1])
			r.launchTogether(k.function, p.Grid, arguments...)
		} else {
			r.launch(k.function, p.Grid, arguments...)
		}
	}
}

func bindRecurrent(b *binder, o op.Recurrent) compute {
	order, kernel := b.sortSequences(), b.recurrentKernel(o.Cell, b.in[2][1], false)
	return func(r *run, out, in []operand, _ []bool) {
		l := recurrentOf(r, o, in, order)
		gates := out[1].At
		if o.Cell == op.TanhCell {
			gates = r.floats(o.Directions * l.tokens * l.width)
		} else if gates == 0 {
			gates = r.floats(o.Directions * l.tokens * (l.width + l.hidden))
		}
		extra := gates + driver.Pointer(4*o.Directions*l.tokens*l.width)
		for d, w := range l.weights {
			r.multiply(toFloat, driver.Product{
				M: l.tokens, N: l.width, K: l.input, A: l.inputOf(r, l.x.At, d),
				B: driver.Matrix{At: r.weight(w.inputWeight), Transposed: true},
				D: driver.Matrix{At: gates + driver.Pointer(4*d*l.tokens*l.width)},
			})
		}
		arguments, carry := []driver.Argument{at(out[0]), pointer(gates)}, driver.Pointer(0)
		if o.Cell != op.TanhCell {
			arguments = append(arguments, pointer(extra))
		}
		if o.Cell == op.GRUCell {
			carry = r.floats(o.Directions * l.sequences * l.hidden)
		}
		l.compute(r, kernel, arguments, carry, append(l.stateWeights(r), l.biases()...)...)
	}
}

// inputOf is the part of x, or of its gradient, that belongs to a direction.
func (l *recurrent) inputOf(r *run, x driver.Pointer, direction int) driver.Matrix {
	if l.SplitInput {
		return driver.Matrix{At: x + r.bytes(direction*l.input), Stride: l.Directions * l.input}
	}
	return driver.Matrix{At: x}
}

// stateWeights are those of both directions, the second one null if there is one only.
func (l *recurrent) stateWeights(r *run) []driver.Argument {
	arguments := []driver.Argument{pointer(r.weight(l.weights[0].stateWeight)), pointer(0)}
	if l.Directions == 2 {
		arguments[1] = pointer(r.weight(l.weights[1].stateWeight))
	}
	return arguments
}

// biases are those of input and state of both directions.
func (l *recurrent) biases() []driver.Argument {
	arguments := []driver.Argument{pointer(0), pointer(0), pointer(0), pointer(0)}
	for d, w := range l.weights {
		arguments[2*d], arguments[2*d+1] = at(w.inputBias), at(w.stateBias)
	}
	return arguments
}

func bindRecurrentGradient(b *binder, o op.RecurrentGradient) compute {
	order, kernel := b.sortSequences(), b.recurrentKernel(o.Cell, b.in[5][1], true)
	before, sums := b.stored("recurrent_before"), newColumnSums(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		y, gates, dy := in[0], in[1].At, in[2]
		l := recurrentOf(r, op.Recurrent(o), in[3:], order)
		extra := gates + driver.Pointer(4*o.Directions*l.tokens*l.width)
		dgates, dextra := r.activations(o.Directions*l.tokens*l.width), driver.Pointer(0) // [directions, tokens, gates·hidden]
		arguments, carry := []driver.Argument{pointer(dgates)}, driver.Pointer(0)
		saved := []driver.Argument{at(dy)}
		if o.Cell == op.GRUCell {
			dextra = r.activations(o.Directions * l.tokens * l.hidden) // [directions, tokens, hidden]
			arguments = append(arguments, pointer(dextra))
		}
		if o.Cell != op.LSTMCell {
			saved = append(saved, at(y))
		}
		if o.Cell != op.TanhCell {
			carry = r.floats(o.Directions * l.sequences * l.hidden)
			saved = append(saved, pointer(gates), pointer(extra))
		}
		l.compute(r, kernel, arguments, carry, append(saved, l.stateWeights(r)...)...)
		g := recurrentGradients{
			recurrent: &l, y: y, before: before, sums: sums, states: r.activations(l.tokens * l.hidden),
		}
		for d, to := range directionsOf(out[1:]) {
			ds, dn := dgates+r.bytes(d*l.tokens*l.width), dextra+r.bytes(d*l.tokens*l.hidden)
			add := accumulate[1+d*op.RecurrentWeights:]
			if out[0].wanted() { // dx = Σ ds W
				r.multiply(toActivations, driver.Product{
					M: l.tokens, N: l.input, K: l.width, A: driver.Matrix{At: ds},
					B: driver.Matrix{At: r.weight(l.weights[d].inputWeight)},
					D: l.inputOf(r, out[0].At, d), Beta: beta(accumulate[0] || d > 0 && !o.SplitInput),
				})
			}
			g.ofInput(r, to, ds, l.inputOf(r, l.x.At, d), add)
			g.ofState(r, to, ds, dn, d, add)
		}
	}
}

// recurrentGradients makes the gradients of the weights from those of the gates.
type recurrentGradients struct {
	*recurrent
	y      operand
	before *function
	sums   columnSums
	states driver.Pointer // scratch [tokens, hidden]
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
		r.launch(g.before, r.cells(g.tokens, g.hidden), pointer(g.states), at(g.y), at(g.starts), count(g.sequences),
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
	r.sum(out, g.sums.first(r, x, g.tokens, width, stride), 0, width, accumulate)
}
