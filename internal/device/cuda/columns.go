package cuda

import "uer/internal/op"

func bindColumns(b *binder, o op.Columns) compute {
	kernel := b.stored("columns")
	return func(r *run, out, in []operand, accumulate []bool) {
		rows, width := in[0].Shape[0], in[0].Shape[1]
		r.launch(kernel, r.cells(rows, o.Count), at(out[0]), at(in[0]), count(rows), count(width), count(o.From),
			count(o.Count), flag(accumulate[0]))
	}
}

func bindWiden(b *binder, o op.Widen) compute {
	kernel := b.stored("widen")
	return func(r *run, out, in []operand, accumulate []bool) {
		rows, columns := in[0].Shape[0], in[0].Shape[1]
		r.launch(kernel, r.cells(rows, o.Width), at(out[0]), at(in[0]), count(rows), count(o.Width), count(o.From),
			count(columns), flag(accumulate[0]))
	}
}
