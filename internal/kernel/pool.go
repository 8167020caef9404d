package kernel

import "uer/internal/kernel/routine"

// Pooling makes one row of the rows of a sequence.
type Pooling uint8

// The ways of pooling.
const (
	PoolMean Pooling = iota
	PoolMax
)

// PoolForward writes to row s of out [sequences, width] the mean or the maximum of the rows starts[s] to starts[s+1] of
// x [tokens, width]. A sequence without rows gives zeros.
func (c *CPU) PoolForward(p Pooling, out, x []float32, width int, starts []int32) {
	requireLength("out", len(out), (len(starts)-1)*width)
	c.parallel(len(starts)-1, func(s int) {
		pooled := out[s*width : (s+1)*width]
		clear(pooled)
		rows := x[int(starts[s])*width : int(starts[s+1])*width]
		scale := float32(width) / float32(len(rows))
		for i := 0; i < len(rows); i += width {
			row := rows[i : i+width]
			switch {
			case p == PoolMean:
				c.table.Scale(routine.Scale{Out: pooled, X: row, Factor: scale, Accumulate: true})
			case i == 0:
				copy(pooled, row)
			default:
				for j, v := range row {
					pooled[j] = max(pooled[j], v)
				}
			}
		}
	})
}

// PoolBackward writes the gradient dx [tokens, width] of PoolForward, or adds it, from dout [sequences, width]. Of
// several maxima the first receives the gradient.
func (c *CPU) PoolBackward(p Pooling, dx, dout, out, x []float32, width int, starts []int32, accumulate bool) {
	requireLength("dout", len(dout), (len(starts)-1)*width)
	c.parallel(len(starts)-1, func(s int) {
		first, last := int(starts[s])*width, int(starts[s+1])*width
		if !accumulate {
			clear(dx[first:last])
		}
		dpooled, pooled := dout[s*width:(s+1)*width], out[s*width:(s+1)*width]
		if p == PoolMean {
			scale := float32(width) / float32(last-first)
			for i := first; i < last; i += width {
				c.table.Scale(routine.Scale{Out: dx[i : i+width], X: dpooled, Factor: scale, Accumulate: true})
			}
			return
		}
		for j, largest := range pooled {
			for i := first + j; i < last; i += width {
				if x[i] == largest {
					dx[i] += dpooled[j]
					break
				}
			}
		}
	})
}
