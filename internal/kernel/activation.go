package kernel

import "uer/internal/kernel/routine"

// Activation names an elementwise function.
type Activation = routine.Activation

// The activations.
const (
	None     = routine.None
	GELU     = routine.GELU
	GELUFast = routine.GELUFast
	ReLU     = routine.ReLU
	SiLU     = routine.SiLU
	Tanh     = routine.Tanh
	Sigmoid  = routine.Sigmoid
)

// ActivationBackward writes dx = dy a'(x). dx may be dy or x.
func (c *CPU) ActivationBackward(a Activation, dx, dy, x Array) {
	requireLength("dx", dx.Len(), x.Len())
	requireLength("dy", dy.Len(), x.Len())
	c.overStaged(x.Len(), 1, func(s *stage, i, j int) { s.activationBackward(a, dx, dy, x, i, j) })
}

// activationBackward computes the elements i to j-1, and returns them.
func (s *stage) activationBackward(a Activation, dx, dy, x Array, i, j int) []float32 {
	to := s.place(dx.Slice(i, j))
	s.table.ActivationBackward(routine.ActivationBackward{
		Activation: a, DX: to, DY: s.read(dy.Slice(i, j)), X: s.read(x.Slice(i, j)),
	})
	s.store(dx.Slice(i, j), to)
	return to
}

// ActivationBackwardSum is ActivationBackward of rows of the given width, whose column sums, those of ColumnSum, go to sum. Rows
// are added while they are in the cache, before they are rounded. scratch has ColumnSumScratch elements.
func (c *CPU) ActivationBackwardSum(a Activation, dx, dy, x Array, sum Output, width int, scratch []float32) {
	requireLength("dx", dx.Len(), x.Len())
	requireLength("dy", dy.Len(), x.Len())
	n := rowCount("x", x.Len(), width)
	group := routine.RoundUp(rowTile(width), rowsAdded)
	c.columnSum(sum, n, width, scratch, func(s *stage, out []float32, first, last int) {
		for row := first; row < last; row += group {
			s.used = 0
			rows := s.activationBackward(a, dx, dy, x, row*width, min(row+group, last)*width)
			s.table.ColumnSum(routine.ColumnSum{Out: out, X: rows, Stride: width, Accumulate: row > first})
		}
	})
}

// GatedForward writes y = a(gate) x. y may be gate or x. With None it is the elementwise product.
func (c *CPU) GatedForward(a Activation, y, gate, x Array) {
	requireLength("y", y.Len(), x.Len())
	requireLength("gate", gate.Len(), x.Len())
	c.overStaged(x.Len(), 1, func(s *stage, i, j int) {
		to := s.place(y.Slice(i, j))
		s.table.GatedForward(routine.GatedForward{Activation: a, Y: to, Gate: s.read(gate.Slice(i, j)), X: s.read(x.Slice(i, j))})
		s.store(y.Slice(i, j), to)
	})
}

// GatedBackward writes dgate = dy x a'(gate) and dx = dy a(gate). dgate and dx may each be any of the inputs.
func (c *CPU) GatedBackward(a Activation, dgate, dx, dy, gate, x Array) {
	requireLength("dgate", dgate.Len(), x.Len())
	requireLength("dx", dx.Len(), x.Len())
	requireLength("dy", dy.Len(), x.Len())
	requireLength("gate", gate.Len(), x.Len())
	c.overStaged(x.Len(), 1, func(s *stage, i, j int) {
		toGate, to := s.place(dgate.Slice(i, j)), s.place(dx.Slice(i, j))
		s.table.GatedBackward(routine.GatedBackward{
			Activation: a, DGate: toGate, DX: to, DY: s.read(dy.Slice(i, j)), Gate: s.read(gate.Slice(i, j)), X: s.read(x.Slice(i, j)),
		})
		s.store(dgate.Slice(i, j), toGate)
		s.store(dx.Slice(i, j), to)
	})
}
