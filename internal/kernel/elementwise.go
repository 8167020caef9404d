package kernel

import (
	"math"

	"uer/internal/kernel/routine"
)

// Add writes out = a + b. out may be a or b.
func (c *CPU) Add(out, a, b []float32) {
	requireLength("a", len(a), len(out))
	requireLength("b", len(b), len(out))
	c.overElements(len(out), func(i, j int) { c.table.Add(routine.Add{Out: out[i:j], A: a[i:j], B: b[i:j]}) })
}

// Copy writes out = x, or adds it to out, whichever way each is stored.
func (c *CPU) Copy(out, x Array, accumulate bool) {
	requireLength("x", x.Len(), out.Len())
	if out.Halves != nil && x.Halves != nil && !accumulate {
		c.overElements(out.Len(), func(i, j int) { copy(out.Halves[i:j], x.Halves[i:j]) })
		return
	}
	c.overStaged(out.Len(), 1, func(s *stage, i, j int) {
		x := s.read(x.Slice(i, j))
		if out.Halves == nil {
			s.table.Scale(routine.Scale{Out: out.Floats[i:j], X: x, Factor: 1, Accumulate: accumulate})
		}
		s.storeRows(Output{To: out.Slice(i, j), Accumulate: accumulate}, x, 1, j-i, j-i)
	})
}

// Scale writes out = scale*x, or adds it to out. out may be x.
func (c *CPU) Scale(out, x []float32, scale float32, accumulate bool) {
	requireLength("x", len(x), len(out))
	c.overElements(len(out), func(i, j int) {
		c.table.Scale(routine.Scale{Out: out[i:j], X: x[i:j], Factor: scale, Accumulate: accumulate})
	})
}

// Fill writes value to every element.
func (c *CPU) Fill(out []float32, value float32) {
	c.overElements(len(out), func(i, j int) { fill(out[i:j], value) })
}

// Clear writes zeros.
func (c *CPU) Clear(out Array) {
	c.overElements(out.Len(), func(i, j int) { clearArray(out.Slice(i, j)) })
}

func fill(out []float32, value float32) {
	if value == 0 && !math.Signbit(float64(value)) {
		clear(out) // compiles to a call of memclr
		return
	}
	for i := range out {
		out[i] = value
	}
}
