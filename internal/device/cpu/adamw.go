package cpu

import (
	"uer/internal/device"
	"uer/internal/kernel"
	"uer/internal/op"
)

func adamWKernel(d *Device, o op.AdamW) compute {
	return func(run *device.Run, out, in []operand, _ []bool) {
		gradients, factor, halted := in[0].Floats, in[1].Doubles[0], in[2].Floats[0]
		if halted != 0 {
			return
		}
		d.kernel.AdamW(kernel.AdamW{
			Rate: run.Update.Rate, Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, WeightDecay: o.WeightDecay,
			GradientScale: factor,
		}, out[0].Floats, gradients, out[1].Floats, out[2].Floats)
	}
}
