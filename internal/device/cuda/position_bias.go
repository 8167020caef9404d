package cuda

import "uer/internal/op"

func bindPositionBias(b *binder, o op.PositionBias) compute {
	kernel, buckets := b.kernel("position_bias"), b.constant(op.PositionBuckets(o.MaxLength, b.in[0][0], o.Bidirectional))
	return func(r *run, out, in []operand, _ []bool) {
		heads, offsets := out[0].Shape[0], out[0].Shape[1]
		r.launch(kernel, over(heads*offsets, 256), at(out[0]), at(in[0]), pointer(buckets), count(heads), count(offsets))
	}
}

func bindPositionBiasGradient(b *binder, o op.PositionBiasGradient) compute {
	kernel, buckets := b.kernel("position_bias_gradient"), b.constant(op.PositionBuckets(o.MaxLength, o.Buckets, o.Bidirectional))
	return func(r *run, out, in []operand, accumulate []bool) {
		heads, offsets := in[0].Shape[0], in[0].Shape[1]
		r.launch(kernel, over(o.Buckets*heads, 8), at(out[0]), at(in[0]), pointer(buckets), count(o.Buckets), count(heads),
			count(offsets), flag(accumulate[0]))
	}
}
