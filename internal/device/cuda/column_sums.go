package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
)

// columnSums adds up the rows of matrices, in two stages. The second one waits for others, which begin together.
type columnSums struct{ partials *function }

// newColumnSums is for matrices of activations.
func newColumnSums(b *binder) columnSums { return columnSums{b.stored("column_partials")} }

// partialSums are what the first stage makes of a matrix: [blocks, width].
type partialSums struct {
	at            driver.Pointer
	blocks, width int
}

// first begins the first stage for x [rows, width], whose rows are stride apart.
func (c columnSums) first(r *run, x driver.Pointer, rows, width, stride int) partialSums {
	p, rowsOfBlock := r.rowSums(rows, width)
	if p.blocks > 0 {
		r.launch(c.partials, r.strips(width, p.blocks), pointer(p.at), pointer(x),
			count(rows), count(width), count(stride), count(rowsOfBlock))
	}
	return p
}

// rowSums is memory for partial sums over rows, as kernels.RowBlocks cuts them.
func (r *run) rowSums(rows, width int) (p partialSums, rowsOfBlock int) {
	blocks, rowsOfBlock := kernels.RowBlocks(rows)
	return r.partialSums(blocks, kernels.MostRowBlocks(rows), width), rowsOfBlock
}

// partialSums is memory for partial sums until the second stage. There are at most so many blocks for fewer rows, too.
func (r *run) partialSums(blocks, most, width int) partialSums {
	return partialSums{r.device.pending.allocate(4 * most * width), blocks, width}
}

// columnSum is the second stage of a sum: out[j] = Σ_b partials[b, j], or what is added to it.
type columnSum struct {
	out, partials         driver.Pointer
	blocks, width, stride int
	accumulate            bool
}

// sum makes out [width] of the columns of partial sums from one on, some time before the run ends: when another step reads
// or writes out, or when there are enough such sums.
func (r *run) sum(out driver.Pointer, p partialSums, from, width int, accumulate bool) {
	if len(r.device.pending.sums) == mostPending {
		r.beginSums()
	}
	s := columnSum{out, p.at + driver.Pointer(4*from), p.blocks, width, p.width, accumulate}
	r.device.pending.sums = append(r.device.pending.sums, s)
}

// beginSums begins the second stages that are pending.
func (r *run) beginSums() {
	if r.planning {
		r.device.pending.sums = r.device.pending.sums[:0]
	} else if r.err == nil {
		r.err = r.device.pending.begin(r.device.gpu.Compute)
	}
}

// finishSums also frees the memory of all partial sums, so those of the present step must have been summed.
func (r *run) finishSums() {
	r.beginSums()
	r.device.pending.used = 0
}

// pendingSums are second stages that have not begun, which saves launches.
type pendingSums struct {
	kernel  *function
	sums    []columnSum
	buffer  *driver.Buffer // of partial sums
	used    int64          // bytes of it
	largest int64          // that were used
}

const (
	mostPending = 10 // sums of a launch
	usual       = 3  // sums that an operation has at most, unless it is a rare one
)

// prepare is called before a step that has these operands. It tells whether the pending sums have to begin before.
func (p *pendingSums) prepare(in, out []operand) (begin bool) {
	if len(p.sums) == 0 {
		p.used = 0
		return false
	}
	return len(p.sums) > mostPending-usual || p.touched(in) || p.touched(out)
}

// touched tells whether one of the operands is a sum that is pending.
func (p *pendingSums) touched(operands []operand) bool {
	for i := range operands {
		for j := range p.sums {
			if p.sums[j].out == operands[i].At {
				return true
			}
		}
	}
	return false
}

// allocate is memory that stays as it is until the sums of the step have begun.
func (p *pendingSums) allocate(bytes int) driver.Pointer {
	at := p.buffer.At + driver.Pointer(p.used)
	p.used += (int64(bytes) + alignment - 1) / alignment * alignment
	p.largest = max(p.largest, p.used)
	return at
}

// drop forgets what a run that has failed left.
func (p *pendingSums) drop() { p.sums, p.used = p.sums[:0], 0 }

// begin begins all of them.
func (p *pendingSums) begin(s *driver.Stream) error {
	if len(p.sums) == 0 {
		return nil
	}
	var arguments [6 * mostPending]driver.Argument
	blocks := 0
	for i := range mostPending {
		var sum columnSum
		if i < len(p.sums) {
			sum = p.sums[i]
		}
		copy(arguments[6*i:], []driver.Argument{
			pointer(sum.out), pointer(sum.partials), count(sum.blocks), count(sum.width), count(sum.stride), flag(sum.accumulate),
		})
		blocks += over(sum.width, 32)[0]
	}
	p.sums = p.sums[:0]
	return p.kernel.Launch(s, driver.Dim{blocks, 1, 1}, p.kernel.block, 0, arguments[:]...)
}
