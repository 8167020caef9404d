package cuda

import (
	"math"

	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
	"uer/internal/op"
)

func bindAdafactor(b *binder, o op.Adafactor) compute {
	rowSums, columnPartials := b.kernel("adafactor_row_sums"), b.kernel("adafactor_column_partials")
	rowMoments, columnMoments := b.kernel("adafactor_row_moments"), b.kernel("adafactor_column_moments")
	vectorMoments, squares := b.kernel("adafactor_vector_moments"), b.kernel("adafactor_square_partials")
	total, update := b.kernel("total_partials"), b.kernel("adafactor_update")
	return func(r *run, out, in []operand, _ []bool) {
		gradient, factor, halted := in[0], in[1], in[2]
		parameter, first, second := out[0], out[1], out[2]
		stack, rows, width := 1, 1, 1 // matrices [stack, rows, width]
		if axes := len(gradient.Shape); axes > 1 {
			stack, rows, width = gradient.Shape[:axes-2].Elements(), gradient.Shape[axes-2], gradient.Shape[axes-1]
		} else {
			width = gradient.Shape.Elements()
		}
		all := stack * rows
		mean := 1 - math.Pow(float64(r.Update.Number), -0.8)
		rowFactors, columnFactors := r.floats(all), r.floats(stack*width) // [stack, rows], [stack, width]
		if len(gradient.Shape) > 1 {
			blocks, rowsOfBlock := kernels.RowBlocks(rows)
			partials := r.floats(stack * blocks * width) // [stack, blocks, width]
			r.launch(rowSums, over(all, 8), pointer(rowFactors), at(gradient), count(all), count(width))
			r.launch(columnPartials, cells(stack*blocks, width), pointer(partials), at(gradient), count(stack), count(rows),
				count(width), count(blocks), count(rowsOfBlock))
			r.launch(rowMoments, driver.Dim{stack, 1, 1}, pointer(rowFactors), at(first), pointer(rowFactors), at(factor), at(halted),
				count(rows), count(width), driver.Float64(mean))
			r.launch(columnMoments, over(stack*width, 256), pointer(columnFactors), at(second), pointer(partials), at(factor),
				at(halted), count(stack), count(rows), count(width), count(blocks), driver.Float64(mean))
		} else {
			r.launch(vectorMoments, over(width, 256), pointer(rowFactors), pointer(columnFactors), at(first), at(gradient),
				at(factor), at(halted), count(width), driver.Float64(mean))
		}
		partials, sum := r.scratch(8*all), r.scratch(8) // float64
		r.launch(squares, over(all, 8), pointer(partials), at(gradient), pointer(rowFactors), pointer(columnFactors),
			count(stack), count(rows), count(width))
		r.launch(total, over(1, 1), pointer(sum), pointer(partials), count(all))
		r.launch(update, cells(all, width), at(parameter), r.half(parameter), at(gradient), pointer(rowFactors),
			pointer(columnFactors), pointer(sum), at(halted), count(stack), count(rows), count(width), driver.Float64(r.Update.Rate),
			driver.Float64(r.Update.Rate*o.WeightDecay))
	}
}
