package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/device/cuda/kernels"
	"uer/internal/graph"
	"uer/internal/op"
)

func bindSumSquares(b *binder, o op.SumSquares) compute {
	partials, total := b.kernel("square_partials"), b.kernel("total_partials")
	return func(r *run, out, in []operand, _ []bool) {
		n := in[0].Shape.Elements()
		blocks, block := kernels.ElementBlocks(n)
		sums := r.scratch(8 * blocks) // float64 [blocks]
		first, last := 0, blocks
		var bounds []int
		if o.Shares != nil && r.device.group != nil {
			bounds = device.BlockShares(o.Shares, block)
			first, last = bounds[o.Rank], bounds[o.Rank+1]
		}
		if first < last {
			start := first * block
			r.launch(partials, driver.Dim{last - first, 1, 1}, pointer(sums+driver.Pointer(8*first)),
				pointer(in[0].At+driver.Pointer(4*start)), elements(min(last*block, n)-start), elements(block))
		}
		if bounds != nil {
			r.gather(sums, bounds)
		}
		r.launch(total, over(1, 1), at(out[0]), pointer(sums), count(blocks))
	}
}

func bindClip(b *binder, o op.Clip) compute {
	kernel := b.kernel("clip")
	return func(r *run, out, in []operand, _ []bool) {
		r.launch(kernel, over(1, 1), at(out[0]), at(out[1]), at(in[0]),
			driver.Float64(r.Update.Scale), driver.Float64(o.Limit))
	}
}

func bindGuard(b *binder, _ graph.Guard) compute {
	float, double := b.kernel("guard_float"), b.kernel("guard_double")
	return func(r *run, out, in []operand, _ []bool) {
		kernel := float
		if in[0].Type == graph.Float64 {
			kernel = double
		}
		r.launch(kernel, over(1, 1), at(out[0]), at(in[0]))
	}
}
