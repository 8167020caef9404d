package cpu

import (
	"uer/internal/device"
	"uer/internal/op"
)

func positionBiasKernel(d *Device, o op.PositionBias) compute {
	var bucketOf []int32 // of each offset; made by the first run, as it depends on the number of buckets
	return func(_ *device.Run, out, in []operand, _ []bool) {
		buckets, heads := in[0].Shape[0], in[0].Shape[1]
		if bucketOf == nil {
			bucketOf = op.PositionBuckets(o.MaxLength, buckets, o.Bidirectional)
		}
		d.kernel.PositionBiasForward(out[0].Floats, in[0].Floats, heads, bucketOf)
	}
}

func positionBiasGradientKernel(d *Device, o op.PositionBiasGradient) compute {
	bucketOf := op.PositionBuckets(o.MaxLength, o.Buckets, o.Bidirectional)
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		d.kernel.PositionBiasBackward(out[0].Floats, in[0].Floats, in[0].Shape[0], bucketOf, accumulate[0])
	}
}
