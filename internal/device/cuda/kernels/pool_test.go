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
	c := newCPU(t)
	for _, starts := range raggedStarts {
		for _, width := range []int{1, 5, 132} {
			for kind, pooling := range []kernel.Pooling{kernel.PoolMean, kernel.PoolMax} {
				sequences, tokens := len(starts)-1, int(starts[len(starts)-1])
				x, dy, dx := random(1, tokens*width), random(2, sequences*width), random(3, tokens*width)
				for i := range x {
					x[i] = float32(math.Round(float64(x[i])*2) / 2) // so that maxima occur twice
				}
				want, got := unset(sequences*width), unset(sequences*width)
				pool := kernel.Pool{Pooling: pooling, Width: width, Starts: starts, X: x, Y: want}
				c.PoolForward(&pool)
				launch(t, "pool_float", cellGrid(sequences, width), got, x, starts, sequences, width, kind)
				compareAll(t, "pool", got, doubles(want), 0)
				wantX, fresh := slices.Clone(dx), unset(tokens*width)
				c.PoolBackward(&kernel.PoolGradient{Pool: pool, DY: dy, DX: kernel.Output{To: wantX, Accumulate: true}})
				launch(t, "pool_gradient_float", cellGrid(sequences, width), dx, dy, got, x, starts, sequences, width, kind, true)
				compareAll(t, "pool gradient added", dx, doubles(wantX), 0)
				c.PoolBackward(&kernel.PoolGradient{Pool: pool, DY: dy, DX: kernel.Output{To: wantX}})
				launch(t, "pool_gradient_float", cellGrid(sequences, width), fresh, dy, got, x, starts, sequences, width, kind, false)
				compareAll(t, "pool gradient", fresh, doubles(wantX), 0)
			}
		}
	}
}
