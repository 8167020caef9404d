package kernel

import (
	"math"
	"slices"
	"testing"
)

func TestColumnSumsAgree(t *testing.T) {
	for _, size := range [][2]int{{0, 3}, {1, 1}, {3, 17}, {100, 63}, {65, 65}, {5000, 300}} {
		x, before := random(1, size[0]*size[1]), random(2, size[1])
		scratch := make([]float32, ColumnSumScratch(size[0], size[1]))
		requireSame(t, 2e-6, func(c *CPU) [][]float32 {
			out, added := slices.Clone(before), slices.Clone(before)
			c.ColumnSum(out, Floats(x), size[1], scratch, false)
			c.ColumnSum(added, Floats(x), size[1], scratch, true)
			return [][]float32{out, added}
		})
		want := make([]float64, size[1])
		for i, v := range x {
			want[i%size[1]] += float64(v)
		}
		out := make([]float32, size[1])
		newTestCPU(t, "portable", 1).ColumnSum(out, Floats(x), size[1], scratch, false)
		requireNear(t, "column sums", out, want, 2e-6)
	}
}

// TestActivationBackwardSums wants the bits of an activation's gradient and of its column sums taken one after the other.
func TestActivationBackwardSums(t *testing.T) {
	for _, size := range [][2]int{{0, 3}, {1, 1}, {3, 17}, {41, 3072}, {100, 63}, {700, 5000}} {
		rows, width := size[0], size[1]
		n := rows * width
		x, dy, before := random(1, n), random(2, n), random(3, width)
		scratch := make([]float32, ColumnSumScratch(rows, width))
		for _, set := range testedSets() {
			for _, threads := range testedThreads() {
				c := newTestCPU(t, set, threads)
				for _, accumulate := range []bool{false, true} {
					dx, sum := make([]float32, n), slices.Clone(before)
					c.ActivationBackwardSum(GELU, Floats(dx), Floats(dy), Floats(x), Output{To: Floats(sum), Accumulate: accumulate}, width, scratch)
					wantDX, want := make([]float32, n), slices.Clone(before)
					c.ActivationBackward(GELU, Floats(wantDX), Floats(dy), Floats(x))
					c.ColumnSum(want, Floats(wantDX), width, scratch, accumulate)
					if !identical(dx, wantDX) || !identical(sum, want) {
						t.Errorf("%s, %d threads, %d x %d, accumulate %t: differs from one after the other", set, threads, rows, width, accumulate)
					}
				}
			}
		}
	}
}

func TestScratchForManyRowsIsEnoughForFewer(t *testing.T) {
	for rows := range 20_000 {
		if blocks, _ := rowBlocks(rows); blocks > maxRowBlocks(rows) {
			t.Fatalf("%d rows make %d blocks, more than %d", rows, blocks, maxRowBlocks(rows))
		}
		if ColumnSumScratch(rows, 7) > ColumnSumScratch(rows+1, 7) || NormGradientScratch(rows, 7) > NormGradientScratch(rows+1, 7) ||
			CrossEntropyScratch(rows, 7, 21128) > CrossEntropyScratch(rows+1, 7, 21128) {
			t.Fatalf("scratch for %d rows is longer than for one more", rows)
		}
		if chunk := crossEntropyChunk(rows, 21128); chunk > min(rows, CrossEntropyRows(21128)) {
			t.Fatalf("chunk of %d rows of %d", chunk, rows)
		}
	}
}

// squares is Σ x², of blocks that are added up in two calls.
func squares(c *CPU, x []float32) (total float64) {
	blocks, _ := SquareBlocks(len(x))
	sums := make([]float64, blocks)
	c.SumSquares(sums[blocks/3:], x, blocks/3)
	c.SumSquares(sums[:blocks/3], x, 0)
	for _, s := range sums {
		total += s
	}
	return total
}

func TestSumSquares(t *testing.T) {
	for _, n := range []int{0, 1, 3, 17, 63, 65, 100_000, maxBlocks*tileElements + 3} {
		x := random(1, n)
		want := weighted(x, x)
		for _, set := range testedSets() {
			first := squares(newTestCPU(t, set, 1), x)
			if math.Abs(first-want) > 1e-12*want {
				t.Errorf("%s: sum of %d squares is %v, want %v", set, n, first, want)
			}
			for _, threads := range testedThreads() {
				if got := squares(newTestCPU(t, set, threads), x); got != first {
					t.Errorf("%s: sum of %d squares with %d threads is %v, with one %v", set, n, threads, got, first)
				}
			}
		}
	}
}

func TestAllFinite(t *testing.T) {
	for _, set := range testedSets() {
		c := newTestCPU(t, set, 2)
		for _, n := range []int{0, 1, 17, 3 * tileElements} {
			x := random(1, n)
			if n > 0 {
				x[0] = math.MaxFloat32
			}
			if !c.AllFinite(x) {
				t.Errorf("%s: %d finite numbers are not", set, n)
			}
			for i := 0; i < n; i += 1 + n/5 {
				for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
					before := x[n-1-i]
					x[n-1-i] = float32(bad)
					if c.AllFinite(x) {
						t.Errorf("%s: %v among %d numbers not found", set, bad, n)
					}
					x[n-1-i] = before
				}
			}
		}
	}
}

func BenchmarkReduce(b *testing.B) {
	const rows, width = 4096, 768
	x, out, scratch := random(1, rows*width), make([]float32, width), make([]float32, ColumnSumScratch(rows, width))
	b.Run("columns", func(b *testing.B) {
		eachSet(b, 4*rows*width, func(c *CPU) { c.ColumnSum(out, Floats(x), width, scratch, false) })
	})
	wide, dx := random(2, rows/2*4*width), Allocate(rows/2*4*width) // of a feed-forward layer
	wideOut, wideScratch := make([]float32, 4*width), make([]float32, ColumnSumScratch(rows/2, 4*width))
	b.Run("activation and columns", func(b *testing.B) {
		eachSet(b, 12*len(wide), func(c *CPU) {
			c.ActivationBackwardSum(GELU, Floats(dx), Floats(dx), Floats(wide), Output{To: Floats(wideOut)}, 4*width, wideScratch)
		})
	})
	b.Run("activation, then columns", func(b *testing.B) {
		eachSet(b, 12*len(wide), func(c *CPU) {
			c.ActivationBackward(GELU, Floats(dx), Floats(dx), Floats(wide))
			c.ColumnSum(wideOut, Floats(dx), 4*width, wideScratch, false)
		})
	})
	gradients := random(3, 40_000_000) // more than most caches hold
	b.Run("squares", func(b *testing.B) { eachSet(b, 4*len(gradients), func(c *CPU) { squares(c, gradients) }) })
	b.Run("finite", func(b *testing.B) { eachSet(b, 4*rows*width, func(c *CPU) { c.AllFinite(x) }) })
	b.Run("add", func(b *testing.B) { eachSet(b, 12*rows*width, func(c *CPU) { c.Add(x, x, x) }) })
}
