//go:build gpu

package kernels

import (
	"math"
	"testing"
)

func columnSums(t *testing.T, out, x []float32, rows, width, stride int, accumulate bool) {
	t.Helper()
	storages[0].columnSums(t, out, x, rows, width, stride, accumulate)
}

// columnSums launches both stages of the sums of x over its rows, and adds them to out or not.
func (s storage) columnSums(t *testing.T, out, x []float32, rows, width, stride int, accumulate bool) {
	t.Helper()
	blocks, rowsOfBlock := RowBlocks(rows)
	partials := unset(blocks * width)
	if blocks > 0 {
		launch(t, "column_partials_"+s.name, s.stripGrid(width, blocks), partials, x, rows, width, stride, rowsOfBlock)
	}
	launch(t, "column_sums", grid{ceilDivide(width, 32)}, out, partials, blocks, width, width, accumulate)
}

func TestColumnSums(t *testing.T) {
	forStorages(t, testColumnSums)
}

func testColumnSums(t *testing.T, s storage) {
	for _, size := range append(matrixSizes, [2]int{0, 5}, [2]int{1700, 3}, [2]int{9000, 2}) {
		rows, width := size[0], size[1]
		stride := width + 3
		x, want := s.random(1, rows*stride), make([]float64, width)
		for i := range rows {
			for j := range width {
				want[j] += float64(x[i*stride+j])
			}
		}
		out, old := unset(width), random(2, width)
		s.columnSums(t, out, x, rows, width, stride, false)
		compareWithin(t, "sums", out, want, 2e-5)
		want = added(old, want)
		s.columnSums(t, old, x, rows, width, stride, true)
		compareWithin(t, "sums added", old, want, 2e-5)
	}
}

// TestSumSquares has sizes of one block, of several, and of more than fit into the largest number of blocks.
func TestSumSquares(t *testing.T) {
	for _, n := range []int{1, 5, 4096, 4097, 20000, 1024*4096 + 5} {
		x, want := random(1, n), 0.0
		for _, v := range x {
			want += float64(v) * float64(v)
		}
		blocks, block := ElementBlocks(n)
		partials, out := make([]float64, blocks), []float64{math.NaN()}
		launch(t, "square_partials", grid{blocks}, partials, x, n, block)
		launch(t, "total_partials", grid{1}, out, partials, blocks)
		if math.Abs(out[0]-want) > 1e-12*want {
			t.Errorf("Σ x² over %d elements is %v, want %v", n, out[0], want)
		}
	}
}
