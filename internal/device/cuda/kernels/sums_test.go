//go:build gpu

package kernels

import (
	"fmt"
	"math"
	"slices"
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
	sumColumns(t, columnSum{out, partials, blocks, width, width, accumulate})
}

// columnSum is a second stage, as column_sums takes it.
type columnSum struct {
	out, partials         any
	blocks, width, stride int
	accumulate            bool
}

// sumColumns launches some second stages at once.
func sumColumns(t *testing.T, sums ...columnSum) {
	t.Helper()
	blocks, arguments := columnSumsOf(sums...)
	launch(t, "column_sums", blocks, arguments...)
}

// columnSumsOf are the grid and the arguments for some of the ten sums that the kernel makes.
func columnSumsOf(sums ...columnSum) (grid, []any) {
	blocks, arguments := 0, []any{}
	for _, s := range append(sums, make([]columnSum, 10-len(sums))...) {
		arguments = append(arguments, s.out, s.partials, s.blocks, s.width, s.stride, s.accumulate)
		blocks += ceilDivide(s.width, 32)
	}
	return grid{blocks}, arguments
}

// TestSumsTogether has ten sums of different shapes in a launch, one of them without rows and one without columns.
func TestSumsTogether(t *testing.T) {
	widths, blocks := []int{1, 32, 33, 100, 31, 64, 0, 7, 96, 65}, []int{3, 1, 40, 5, 0, 128, 2, 33, 8, 2}
	var together []columnSum
	for i, width := range widths {
		together = append(together, columnSum{random(uint64(i), width), random(uint64(20+i), blocks[i]*(width+i)), blocks[i], width, width + i, i%2 == 0})
	}
	var want [][]float32
	for _, s := range together {
		alone := s
		alone.out = slices.Clone(s.out.([]float32))
		if s.width > 0 {
			sumColumns(t, alone)
		}
		want = append(want, alone.out.([]float32))
	}
	sumColumns(t, together...)
	for i, s := range together {
		compareAll(t, fmt.Sprintf("sum %d", i), s.out.([]float32), doubles(want[i]), 0)
	}
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
