//go:build gpu

package kernels

import (
	"math"
	"slices"
	"testing"

	"uer/internal/kernel"
)

// raggedStarts are batches with sequences of no token, of one, and of more than a tile of attention.
var raggedStarts = [][]int32{{0, 4, 4, 7}, {0, 0, 1, 71, 71, 90, 90}, {0, 33}}

// TestPool requires the CPU's bits.
func TestPool(t *testing.T) {
	forStorages(t, testPool)
}

func testPool(t *testing.T, s storage) {
	c := newCPU(t)
	for _, starts := range raggedStarts {
		for _, width := range []int{1, 5, 132} {
			for kind, pooling := range []kernel.Pooling{kernel.PoolMean, kernel.PoolMax} {
				sequences, tokens := len(starts)-1, int(starts[len(starts)-1])
				x, dy, dx := s.random(1, tokens*width), s.random(2, sequences*width), s.random(3, tokens*width)
				for i := range x {
					x[i] = float32(math.Round(float64(x[i])*2) / 2) // so that maxima occur twice
				}
				want, got := unset(sequences*width), unset(sequences*width)
				pool := kernel.Pool{Pooling: pooling, Width: width, Starts: starts, X: kernel.Floats(x), Y: kernel.Floats(want)}
				c.PoolForward(&pool)
				launch(t, "pool_"+s.name, s.cellGrid(sequences, width), got, x, starts, sequences, width, kind)
				s.compareBits(t, "pool", got, want)
				wantX, fresh := slices.Clone(dx), unset(tokens*width)
				c.PoolBackward(&kernel.PoolGradient{Pool: pool, DY: kernel.Floats(dy), DX: kernel.Output{To: kernel.Floats(wantX), Accumulate: true}})
				launch(t, "pool_gradient_"+s.name, s.cellGrid(sequences, width), dx, dy, got, x, starts, sequences, width, kind, true)
				s.compareBits(t, "pool gradient added", dx, wantX)
				c.PoolBackward(&kernel.PoolGradient{Pool: pool, DY: kernel.Floats(dy), DX: kernel.Output{To: kernel.Floats(wantX)}})
				launch(t, "pool_gradient_"+s.name, s.cellGrid(sequences, width), fresh, dy, got, x, starts, sequences, width, kind, false)
				s.compareBits(t, "pool gradient", fresh, wantX)
			}
		}
	}
}
