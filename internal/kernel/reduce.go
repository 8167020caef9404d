package kernel

import (
	"slices"

	"uer/internal/kernel/routine"
)

// A sum over everything is taken in blocks whose sums are added in order, so that it does not depend on the threads.
const (
	maxBlocks = 256
	blockRows = 32 // at least, except in the last block
)

// rowBlocks cuts rows into blocks.
func rowBlocks(rows int) (blocks, step int) {
	step = max(blockRows, routine.CeilDivide(rows, maxBlocks))
	return routine.CeilDivide(rows, step), step
}

// maxRowBlocks is the largest number of blocks that this many rows, or fewer, make.
func maxRowBlocks(rows int) int { return min(maxBlocks, routine.CeilDivide(rows, blockRows)) }

// rowsAdded is how many rows the routine for column sums adds at a time. Sums of groups of so many rows, one added to the other,
// have the bits of the sum of all rows.
const rowsAdded = 4

// ColumnSum writes out[j] = Σ x[i, j], or adds it to out. x is [n, width]; scratch has ColumnSumScratch elements.
func (c *CPU) ColumnSum(out []float32, x Array, width int, scratch []float32, accumulate bool) {
	n := rowCount("x", x.Len(), width)
	c.columnSum(Output{To: Floats(out), Accumulate: accumulate}, n, width, scratch, func(out []float32, first, last int) {
		c.table.ColumnSum(routine.ColumnSum{Out: out, X: x.Slice(first*width, last*width), Stride: width})
	})
}

// columnSum adds up the columns of n rows. block gives out [width] the sums of the rows from first to last-1.
func (c *CPU) columnSum(out Output, n, width int, scratch []float32, block func(out []float32, first, last int)) {
	requireLength("out", out.To.Len(), width)
	requireScratch(scratch, ColumnSumScratch(n, width))
	blocks, step := rowBlocks(n)
	partials := scratch[:blocks*width] // [blocks, width]
	c.parallel(blocks, func(i int) { block(partials[i*width:(i+1)*width], i*step, min((i+1)*step, n)) })
	c.sumBlocks(out, partials, width)
}

// ColumnSumScratch is the length of the scratch memory of ColumnSum. That for many rows is enough for fewer.
func ColumnSumScratch(n, width int) int { return maxRowBlocks(n) * width }

// sumBlocks writes out[j] = Σ partials[b, j], or adds it to out, in order of b. The rows of partials are stride apart.
func (c *CPU) sumBlocks(out Output, partials []float32, stride int) {
	const strip = 256
	to := out.To.Floats
	c.parallel(routine.CeilDivide(len(to), strip), func(tile int) {
		i, j := tile*strip, min((tile+1)*strip, len(to))
		c.table.ColumnSum(routine.ColumnSum{Out: to[i:j], X: Floats(from(partials, i)), Stride: stride, Accumulate: out.Accumulate})
	})
}

// elementBlocks cuts elements into blocks.
func elementBlocks(n int) (blocks, step int) {
	step = max(tileElements, routine.CeilDivide(n, maxBlocks))
	return routine.CeilDivide(n, step), step
}

// SquareBlocks returns how many blocks the sum of the squares of n elements is taken in, and their length.
func SquareBlocks(n int) (blocks, length int) { return elementBlocks(n) }

// SumSquares writes Σ x² of some blocks of x, from the first-th on. Their sum is that over x.
func (c *CPU) SumSquares(sums []float64, x []float32, first int) {
	_, step := elementBlocks(len(x))
	c.parallel(len(sums), func(i int) {
		block := first + i
		sums[i] = c.table.SumSquares(x[block*step : min((block+1)*step, len(x))])
	})
}

// AllFinite reports whether x holds neither infinities nor NaN.
func (c *CPU) AllFinite(x []float32) bool {
	var finite [maxBlocks]bool
	blocks, step := elementBlocks(len(x))
	c.parallel(blocks, func(block int) {
		finite[block] = c.table.AllFinite(x[block*step : min((block+1)*step, len(x))])
	})
	return !slices.Contains(finite[:blocks], false)
}
