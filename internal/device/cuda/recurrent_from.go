package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
	"uer/internal/graph"
	"uer/internal/op"
)

// recurrentFromSaved is that of a program without gradients, which saves nothing.
func recurrentFromSaved(*binder, op.RecurrentFrom, []graph.Shape) int { return 0 }

// bindRecurrentFrom computes a layer from a state: that of a sequence with one token more, in front, whose step is left out.
// What this step would have left comes from the state.
func bindRecurrentFrom(b *binder, o op.RecurrentFrom) compute {
	last := len(b.in) - 1
	order, kernel := &kernels.SequenceOrder{}, b.recurrentKernel(o.Cell, b.in[2][1], false)
	b.derives(3, func(in []operand, to []int32) { // the order of the only sequence, and where it starts and ends
		to[0], to[1], to[2] = 0, 0, in[last-1].Integers[1]+1
		order.Sort(to[1:])
	})
	stored := b.device.activations
	s := recurrentState{
		cell: o.Cell, exact: b.copying(graph.Float32, graph.Float32), stored: b.copying(stored, stored),
		read: b.copying(stored, graph.Float32), write: b.copying(graph.Float32, stored),
	}
	return func(r *run, out, in []operand, _ []bool) {
		l := recurrentOf(r, op.Recurrent{Cell: o.Cell, Directions: 1}, in[:last], order)
		n, w := l.tokens, l.weights[0]
		l.tokens, l.from = n+1, 1
		l.starts.At = r.derived + 4
		s.hidden = l.hidden
		s.y, s.extra, s.carry = r.activations(l.tokens*l.hidden), r.floats(l.tokens*l.hidden), r.floats(l.hidden)
		gates := r.floats(l.tokens * l.width) // [tokens+1, gates·hidden]
		s.begin(r, in[last].At)
		r.multiply(toFloat, driver.Product{
			M: n, N: l.width, K: l.input, A: driver.Matrix{At: l.x.At},
			B: driver.Matrix{At: r.weight(w.inputWeight), Transposed: true},
			D: driver.Matrix{At: gates + driver.Pointer(4*l.width)},
		})
		arguments, carry := []driver.Argument{pointer(s.y), pointer(gates)}, driver.Pointer(0)
		if o.Cell != op.TanhCell {
			arguments = append(arguments, pointer(s.extra))
		}
		if o.Cell == op.GRUCell {
			carry = s.carry
		}
		l.compute(r, kernel, arguments, carry, append(l.stateWeights(r), l.biases()...)...)
		if out[0].wanted() {
			s.stored.begin(r, out[0].At, s.y+r.bytes(l.hidden), n*l.hidden, false)
		}
		if out[1].wanted() {
			s.end(r, out[1].At, n)
		}
	}
}

// recurrentState passes a state [1, States·hidden], in float32, to a layer and back. The layer has h in y, and that of a GRU in
// carry, too, where it is not rounded; the c of an LSTM is in extra.
type recurrentState struct {
	cell                       op.Cell
	hidden                     int
	y, extra, carry            driver.Pointer // [tokens+1, hidden], the same, [hidden]
	exact, stored, read, write copying        // read and write are between float32 and what y is stored in
}

// begin puts the state where a step would have left it.
func (s *recurrentState) begin(r *run, state driver.Pointer) {
	s.read.begin(r, s.y, state, s.hidden, false)
	switch s.cell {
	case op.LSTMCell:
		s.exact.begin(r, s.extra, state+driver.Pointer(4*s.hidden), s.hidden, false)
	case op.GRUCell:
		s.exact.begin(r, s.carry, state, s.hidden, false)
	}
}

// end puts what the last step has left, in row n, into the state.
func (s *recurrentState) end(r *run, state driver.Pointer, n int) {
	if s.cell == op.GRUCell {
		s.exact.begin(r, state, s.carry, s.hidden, false)
		return
	}
	s.write.begin(r, state, s.y+r.bytes(n*s.hidden), s.hidden, false)
	if s.cell == op.LSTMCell {
		s.exact.begin(r, state+driver.Pointer(4*s.hidden), s.extra+driver.Pointer(4*n*s.hidden), s.hidden, false)
	}
}
