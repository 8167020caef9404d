package cuda

import "uer/internal/op"

func bindGated(b *binder, o op.Gated) compute {
	kernel := b.stored("gated")
	return func(r *run, out, in []operand, _ []bool) {
		n := out[0].Shape.Elements()
		r.launch(kernel, r.spans(n), at(out[0]), at(in[0]), at(in[1]), elements(n), count(int(o.Activation)))
	}
}

func bindGatedGradient(b *binder, o op.GatedGradient) compute {
	kernel := b.stored("gated_gradient")
	return func(r *run, out, in []operand, accumulate []bool) {
		gate, x, dy := in[0], in[1], in[2]
		n := x.Shape.Elements()
		r.launch(kernel, r.spans(n), at(out[0]), at(out[1]), at(dy), at(gate), at(x), elements(n),
			count(int(o.Activation)), flag(accumulate[0]), flag(accumulate[1]))
	}
}
