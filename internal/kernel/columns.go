package kernel

import "uer/internal/kernel/routine"

// CopyColumns copies count columns of x [n, width], from the column from on, to the columns of out [n, outWidth] from
// outFrom on, or adds them. Other columns of out keep their values.
func (c *CPU) CopyColumns(out []float32, outWidth, outFrom int, x []float32, width, from, count int, accumulate bool) {
	n := rowCount("x", x, width)
	requireLength("out", len(out), n*outWidth)
	c.overRows(n, count, func(first, last int) {
		for i := first; i < last; i++ {
			to, source := out[i*outWidth+outFrom:][:count], x[i*width+from:][:count]
			if accumulate {
				c.table.Add(routine.Add{Out: to, A: to, B: source})
			} else {
				copy(to, source)
			}
		}
	})
}
