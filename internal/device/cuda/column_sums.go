package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
)

// columnSums adds up the rows of matrices, in two stages.
type columnSums struct{ partials, sums *function }

// newColumnSums is for matrices of activations.
func newColumnSums(b *binder) columnSums {
	return columnSums{b.stored("column_partials"), b.kernel("column_sums")}
}

// first writes partial sums [blocks, width] of x [rows, width], whose rows are stride apart.
func (c columnSums) first(r *run, partials, x driver.Pointer, rows, width, stride int) {
	blocks, rowsOfBlock := kernels.RowBlocks(rows)
	if blocks == 0 {
		return
	}
	r.launch(c.partials, r.strips(width, blocks), pointer(partials), pointer(x),
		count(rows), count(width), count(stride), count(rowsOfBlock))
}

// second adds the partial sums, whose rows are stride apart, up to out [width].
func (c columnSums) second(r *run, out, partials driver.Pointer, blocks, width, stride int, accumulate bool) {
	r.launch(c.sums, over(width, 32), pointer(out), pointer(partials), count(blocks), count(width), count(stride), flag(accumulate))
}
