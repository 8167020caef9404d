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
	requireLike("dx", dx, x)
	requireLike("dy", dy, x)
	c.overElements(x.Len(), func(i, j int) {
		c.table.ActivationBackward(routine.ActivationBackward{Activation: a, DX: dx.Slice(i, j), DY: dy.Slice(i, j), X: x.Slice(i, j)})
	})
}

// ActivationBackwardSum is ActivationBackward of rows of the given width, whose column sums, those of ColumnSum, go to sum. Rows
// are added while they are in the cache. scratch has ColumnSumScratch elements.
func (c *CPU) ActivationBackwardSum(a Activation, dx, dy, x Array, sum Output, width int, scratch []float32) {
	requireLike("dx", dx, x)
	requireLike("dy", dy, x)
	n := rowCount("x", x.Len(), width)
	group := routine.RoundUp(rowTile(width), rowsAdded)
	c.columnSum(sum, n, width, scratch, func(out []float32, first, last int) {
		for row := first; row < last; row += group {
			i, j := row*width, min(row+group, last)*width
			c.table.ActivationBackward(routine.ActivationBackward{Activation: a, DX: dx.Slice(i, j), DY: dy.Slice(i, j), X: x.Slice(i, j)})
			c.table.ColumnSum(routine.ColumnSum{Out: out, X: dx.Slice(i, j), Stride: width, Accumulate: row > first})
		}
	})
}

// GatedForward writes y = a(gate) x. y may be gate or x. With None it is the elementwise product.
func (c *CPU) GatedForward(a Activation, y, gate, x Array) {
	requireLike("y", y, x)
	requireLike("gate", gate, x)
	c.overElements(x.Len(), func(i, j int) {
		c.table.GatedForward(routine.GatedForward{Activation: a, Y: y.Slice(i, j), Gate: gate.Slice(i, j), X: x.Slice(i, j)})
	})
}

// GatedBackward writes dgate = dy x a'(gate) and dx = dy a(gate). dgate and dx may each be any of the inputs.
func (c *CPU) GatedBackward(a Activation, dgate, dx, dy, gate, x Array) {
	requireLike("dgate", dgate, x)
	requireLike("dx", dx, x)
	requireLike("dy", dy, x)
	requireLike("gate", gate, x)
	c.overElements(x.Len(), func(i, j int) {
		c.table.GatedBackward(routine.GatedBackward{
			Activation: a, DGate: dgate.Slice(i, j), DX: dx.Slice(i, j), DY: dy.Slice(i, j), Gate: gate.Slice(i, j), X: x.Slice(i, j),
		})
	})
}
