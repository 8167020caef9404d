package cuda

import "uer/internal/op"

func bindGather(b *binder, _ op.Gather) compute {
	kernel := b.stored("gather")
	return func(r *run, out, in []operand, _ []bool) {
		picked, width := out[0].Shape[0], out[0].Shape[1]
		r.launch(kernel, r.cells(picked, width), at(out[0]), at(in[0]), at(in[1]), count(picked), count(width))
	}
}

func bindScatter(b *binder, _ op.Scatter) compute {
	kernel := b.stored("scatter")
	return func(r *run, out, in []operand, accumulate []bool) {
		rows, width := out[0].Shape[0], out[0].Shape[1]
		r.launch(kernel, r.cells(rows, width), at(out[0]), at(in[0]), at(in[1]), count(rows), count(width),
			count(in[1].Shape.Elements()), flag(accumulate[0]))
	}
}
