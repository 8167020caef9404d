package kernel

// Columns copies Count columns of X, from the column From on, to those of Out from OutFrom on, or adds them. Other
// columns of Out keep their values.
type Columns struct {
	X                 Array // [n, width]
	Width, From       int
	Count             int
	Out               Array // [n, outWidth], stored as X is
	OutWidth, OutFrom int
	Accumulate        bool
}

// CopyColumns copies or adds columns.
func (c *CPU) CopyColumns(a *Columns) {
	n := rowCount("X", a.X.Len(), a.Width)
	requireLength("Out", a.Out.Len(), n*a.OutWidth)
	c.overStaged(n, a.Count, func(s *stage, first, last int) {
		for i := first; i < last; i++ {
			to, x := i*a.OutWidth+a.OutFrom, i*a.Width+a.From
			s.put(Output{To: a.Out.Slice(to, to+a.Count), Accumulate: a.Accumulate}, a.X.Slice(x, x+a.Count))
		}
	})
}
