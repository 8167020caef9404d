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
	Starts  []int32 // [sequences+1] offsets into the tokens
	X       Array   // [tokens, width]
	Y       Array   // [sequences, width]
}

// PoolForward computes Y.
func (c *CPU) PoolForward(p *Pool) {
	width := p.Width
	requireLength("Y", p.Y.Len(), (len(p.Starts)-1)*width)
	c.parallelWorker(len(p.Starts)-1, func(worker, s int) {
		stage, y := c.stage(worker), p.Y.Slice(s*width, (s+1)*width)
		pooled := stage.place(y)
		clear(pooled)
		first, last := int(p.Starts[s]), int(p.Starts[s+1])
		used := stage.used
		for token := first; token < last; token++ {
			stage.used = used
			row := stage.read(p.X.Slice(token*width, (token+1)*width))
			switch {
			case p.Pooling == PoolMean:
				scale := float32(width) / float32((last-first)*width)
				c.table.Scale(routine.Scale{Out: pooled, X: row, Factor: scale, Accumulate: true})
			case token == first:
				copy(pooled, row)
			default:
				for j, v := range row {
					pooled[j] = max(pooled[j], v)
				}
			}
		}
		stage.store(y, pooled)
	})
}

// PoolGradient is the gradient of a Pool, given that of its result. Of several maxima the first receives the gradient.
type PoolGradient struct {
	Pool
	DY Array  // [sequences, width]
	DX Output // [tokens, width]
}

// PoolBackward computes DX.
func (c *CPU) PoolBackward(g *PoolGradient) {
	width := g.Width
	requireLength("DY", g.DY.Len(), (len(g.Starts)-1)*width)
	c.parallelWorker(len(g.Starts)-1, func(worker, sequence int) {
		s := c.stage(worker)
		i, j := sequence*width, (sequence+1)*width
		dpooled := s.read(g.DY.Slice(i, j))
		var largest, left []float32 // of each column, the maximum, and the gradient unless a token has received it
		if g.Pooling == PoolMax {
			largest, left = s.read(g.Y.Slice(i, j)), s.room(width)
			copy(left, dpooled)
		}
		first, last, used := int(g.Starts[sequence]), int(g.Starts[sequence+1]), s.used
		for token := first; token < last; token++ {
			s.used = used
			i, j := token*width, (token+1)*width
			out := g.DX.Slice(i, j)
			dx := s.output(out)
			if !dx.Accumulate {
				clear(dx.To.Floats)
			}
			if g.Pooling == PoolMean {
				scale := float32(width) / float32((last-first)*width)
				c.table.Scale(routine.Scale{Out: dx.To.Floats, X: dpooled, Factor: scale, Accumulate: true})
			} else {
				takeGradients(dx.To.Floats, s.read(g.X.Slice(i, j)), largest, left)
			}
			s.finish(out, dx)
		}
	})
}

// takeGradients adds to dx what is left of the gradients of columns where x is the largest.
func takeGradients(dx, x, largest, left []float32) {
	for j, v := range x {
		if v == largest[j] {
			dx[j] += left[j]
			left[j] = 0
		}
	}
}
