package cuda

import "uer/internal/op"

func bindPool(b *binder, o op.Pool) compute {
	kernel := b.stored("pool")
	return func(r *run, out, in []operand, _ []bool) {
		sequences, width := out[0].Shape[0], out[0].Shape[1]
		r.launch(kernel, r.cells(sequences, width), at(out[0]), at(in[0]), at(in[1]), count(sequences), count(width),
			count(int(o.Kind)))
	}
}

func bindPoolGradient(b *binder, o op.PoolGradient) compute {
	kernel := b.stored("pool_gradient")
	return func(r *run, out, in []operand, accumulate []bool) {
		dy, y, x, starts := in[0], in[1], in[2], in[3]
		sequences, width := dy.Shape[0], dy.Shape[1]
		r.launch(kernel, r.cells(sequences, width), at(out[0]), at(dy), at(y), at(x), at(starts), count(sequences), count(width),
			count(int(o.Kind)), flag(accumulate[0]))
	}
}
