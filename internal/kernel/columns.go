package kernel

import "uer/internal/kernel/routine"

// Columns copies Count columns of X, from the column From on, to those of Out from OutFrom on, or adds them. Other
// columns of Out keep their values.
type Columns struct {
	X                 []float32 // [n, width]
	Width, From       int
	Count             int
	Out               []float32 // [n, outWidth]
	OutWidth, OutFrom int
	Accumulate        bool
}

// CopyColumns copies or adds columns.
func (c *CPU) CopyColumns(a *Columns) {
	n := rowCount("X", a.X, a.Width)
	requireLength("Out", len(a.Out), n*a.OutWidth)
	c.overRows(n, a.Count, func(first, last int) {
		for i := first; i < last; i++ {
			to, x := a.Out[i*a.OutWidth+a.OutFrom:][:a.Count], a.X[i*a.Width+a.From:][:a.Count]
			if a.Accumulate {
				c.table.Add(routine.Add{Out: to, A: to, B: x})
			} else {
				copy(to, x)
			}
		}
	})
}
