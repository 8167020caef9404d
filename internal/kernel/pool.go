package kernel

import "uer/internal/kernel/routine"

// Pooling makes one row of the rows of a sequence.
type Pooling uint8

// The ways of pooling.
const (
	PoolMean Pooling = iota
	PoolMax
)

// Pool takes the mean or the maximum of the rows of each sequence: row s of Y from the rows Starts[s] to Starts[s+1] of X.
// A sequence without rows gives zeros.
type Pool struct {
	Pooling Pooling
	Width   int
	Starts  []int32   // [sequences+1] offsets into the tokens
	X       []float32 // [tokens, width]
	Y       []float32 // [sequences, width]
}

// PoolForward computes Y.
func (c *CPU) PoolForward(p *Pool) {
	width := p.Width
	requireLength("Y", len(p.Y), (len(p.Starts)-1)*width)
	c.parallel(len(p.Starts)-1, func(s int) {
		pooled := p.Y[s*width : (s+1)*width]
		clear(pooled)
		rows := p.X[int(p.Starts[s])*width : int(p.Starts[s+1])*width]
		scale := float32(width) / float32(len(rows))
		for i := 0; i < len(rows); i += width {
			row := rows[i : i+width]
			switch {
			case p.Pooling == PoolMean:
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

// PoolGradient is the gradient of a Pool, given that of its result. Of several maxima the first receives the gradient.
type PoolGradient struct {
	Pool
	DY []float32 // [sequences, width]
	DX Output    // [tokens, width]
}

// PoolBackward computes DX.
func (c *CPU) PoolBackward(g *PoolGradient) {
	width, dx := g.Width, g.DX.To
	requireLength("DY", len(g.DY), (len(g.Starts)-1)*width)
	c.parallel(len(g.Starts)-1, func(s int) {
		first, last := int(g.Starts[s])*width, int(g.Starts[s+1])*width
		if !g.DX.Accumulate {
			clear(dx[first:last])
		}
		dpooled := g.DY[s*width : (s+1)*width]
		if g.Pooling == PoolMean {
			scale := float32(width) / float32(last-first)
			for i := first; i < last; i += width {
				c.table.Scale(routine.Scale{Out: dx[i : i+width], X: dpooled, Factor: scale, Accumulate: true})
			}
			return
		}
		for j, largest := range g.Y[s*width : (s+1)*width] {
			for i := first + j; i < last; i += width {
				if g.X[i] == largest {
					dx[i] += dpooled[j]
					break
				}
			}
		}
	})
}
