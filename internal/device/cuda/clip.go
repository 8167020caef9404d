package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
	"uer/internal/graph"
	"uer/internal/op"
)

func bindSumSquares(b *binder, _ op.SumSquares) compute {
	partials, total := b.kernel("square_partials"), b.kernel("total_partials")
	return func(r *run, out, in []operand, _ []bool) {
		n := in[0].Shape.Elements()
		blocks, block := kernels.ElementBlocks(n)
		sums := r.scratch(8 * blocks) // float64 [blocks]
		r.launch(partials, driver.Dim{blocks, 1, 1}, pointer(sums), at(in[0]), elements(n), elements(block))
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
