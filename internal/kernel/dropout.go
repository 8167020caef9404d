package kernel

import "uer/internal/kernel/routine"

// Dropout zeroes elements with a probability.
type Dropout = routine.Dropout

// DropoutForward writes y = dropout(x), or adds to y. It is its own gradient: dx = dropout(dy).
// x and y are [n, width]; rows [n] holds row numbers. y may be x.
func (c *CPU) DropoutForward(y, x Array, width int, rows []int32, d Dropout, accumulate bool) {
	var residual Array
	if accumulate {
		residual = y
	}
	c.DropoutAdd(y, x, residual, width, rows, d)
}

// DropoutAdd writes y = dropout(x) + residual. x, y and residual are [n, width], rows [n] holds row numbers; residual
// may be left out. y may be x or residual. rows is not read if nothing is dropped.
func (c *CPU) DropoutAdd(y, x, residual Array, width int, rows []int32, d Dropout) {
	n := rowCount("x", x.Len(), width)
	requireLike("y", y, x)
	requireOptionalLike("residual", residual, x)
	rows = dropoutRows(rows, n, d)
	c.overRows(n, width, func(first, last int) {
		i, j := first*width, last*width
		c.table.DropoutAdd(routine.DropoutAdd{
			Y: y.Slice(i, j), X: x.Slice(i, j), Residual: residual.Slice(i, j),
			Width: width, Rows: cut(rows, first, last), Dropout: d,
		})
	})
}

// dropoutRows checks the row numbers, and returns nil where they have no effect.
func dropoutRows(rows []int32, n int, d Dropout) []int32 {
	if d.Probability <= 0 {
		return nil
	}
	requireLength("rows", len(rows), n)
	return rows
}
