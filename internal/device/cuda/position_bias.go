package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/op"
)

func bindPositionBias(b *binder, o op.PositionBias) compute {
	kernel, buckets := b.kernel("position_bias"), b.buckets(o.MaxLength, b.in[0][0], o.Bidirectional)
	return func(r *run, out, in []operand, _ []bool) {
		heads, offsets := out[0].Shape[0], out[0].Shape[1]
		r.launch(kernel, over(heads*offsets, 256), at(out[0]), at(in[0]), pointer(buckets), count(heads), count(offsets))
	}
}

func bindPositionBiasGradient(b *binder, o op.PositionBiasGradient) compute {
	kernel, buckets := b.kernel("position_bias_gradient"), b.buckets(o.MaxLength, o.Buckets, o.Bidirectional)
	return func(r *run, out, in []operand, accumulate []bool) {
		heads, offsets := in[0].Shape[0], in[0].Shape[1]
		r.launch(kernel, over(o.Buckets*heads, 8), at(out[0]), at(in[0]), pointer(buckets), count(o.Buckets), count(heads),
			count(offsets), flag(accumulate[0]))
	}
}

// buckets puts the bucket of each offset [2·maxLength−1] on the GPU.
func (b *binder) buckets(maxLength, buckets int, bidirectional bool) driver.Pointer {
	of := make([]int32, 2*maxLength-1)
	for i := range of {
		of[i] = int32(op.PositionBucket(i-maxLength+1, buckets, bidirectional))
	}
	return b.constant(of)
}
