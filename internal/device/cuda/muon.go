package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
	"uer/internal/op"
)

func bindMuon(b *binder, o op.Muon) compute {
	momentum, normalize := b.kernel("muon_momentum"), b.kernel("muon_normalize")
	combine, update := b.kernel("muon_combine"), b.kernel("muon_update")
	partials, total := b.kernel("square_partials"), b.kernel("total_partials")
	return func(r *run, out, in []operand, _ []bool) {
		rows, columns := in[0].Shape[0], in[0].Shape[1]
		n, side := rows*columns, min(rows, columns)
		float := func(x float64) driver.Argument { return driver.Float32(float32(x)) }
		x, moved := r.floats(n), r.floats(n)                     // [rows, columns]
		gram, square := r.floats(side*side), r.floats(side*side) // [side, side]
		r.launch(momentum, over(n, 1024), pointer(x), at(out[1]), at(in[0]), at(in[1]), at(in[2]), elements(n),
			float(o.Momentum), float(1-o.Momentum))
		blocks, block := kernels.ElementBlocks(n)
		sums, squares := r.scratch(8*blocks), r.scratch(8) // float64
		r.launch(partials, driver.Dim{blocks, 1, 1}, pointer(sums), pointer(x), elements(n), elements(block))
		r.launch(total, over(1, 1), pointer(squares), pointer(sums), count(blocks))
		r.launch(normalize, over(n, 1024), pointer(x), pointer(squares), elements(n), driver.Float64(op.MuonEpsilon))
		wide := rows <= columns
		for range op.MuonSteps {
			r.multiply(allFloat, driver.Product{ // x xᵀ, or xᵀ x
				M: side, N: side, K: max(rows, columns), A: driver.Matrix{At: x, Transposed: !wide},
				B: driver.Matrix{At: x, Transposed: wide}, D: driver.Matrix{At: gram},
			})
			r.multiply(allFloat, driver.Product{
				M: side, N: side, K: side, A: driver.Matrix{At: gram}, B: driver.Matrix{At: gram}, D: driver.Matrix{At: square},
			})
			r.launch(combine, over(side*side, 1024), pointer(square), pointer(gram), elements(side*side),
				float(op.MuonC), float(op.MuonB))
			left, right := square, x
			if !wide {
				left, right = x, square
			}
			r.multiply(allFloat, driver.Product{
				M: rows, N: columns, K: side, A: driver.Matrix{At: left}, B: driver.Matrix{At: right}, D: driver.Matrix{At: moved},
			})
			r.launch(combine, over(n, 1024), pointer(x), pointer(moved), elements(n), float(op.MuonA), float(1))
		}
		r.launch(update, over(n, 1024), at(out[0]), r.half(out[0]), pointer(x), at(in[2]), elements(n),
			float(o.Rate(r.Update.Rate, in[0].Shape)), float(r.Update.Rate*o.WeightDecay))
	}
}
