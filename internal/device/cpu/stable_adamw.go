package cpu

import (
	"uer/internal/device"
	"uer/internal/kernel"
	"uer/internal/op"
)

func stableAdamWKernel(d *Device, o op.StableAdamW) compute {
	var sums []float64
	return func(run *device.Run, out, in []operand, _ []bool) {
		gradients, factor, halted := in[0].Floats, in[1].Doubles[0], in[2].Floats[0]
		if halted != 0 {
			return
		}
		if blocks := kernel.StableAdamWScratch(len(gradients)); len(sums) < blocks {
			sums = make([]float64, blocks)
		}
		d.kernel.StableAdamW(kernel.AdamW{
			Rate: run.Update.Rate, Beta1: o.Decay(o.Beta1, run.Update.Number), Beta2: o.Decay(o.Beta2, run.Update.Number),
			Epsilon: o.Epsilon, WeightDecay: o.WeightDecay, GradientScale: factor,
		}, out[0].Floats, gradients, out[1].Floats, out[2].Floats, sums)
	}
}
