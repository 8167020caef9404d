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
		parameters, first, second := out[0].Floats, out[1].Floats, out[2].Floats
		for _, r := range o.Ranges {
			a := kernel.AdamW{
				Rate: run.Update.Rate, Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, GradientScale: factor,
			}
			if r.Decays {
				a.WeightDecay = o.WeightDecay
			}
			d.kernel.AdamW(a, parameters[r.Start:r.End], gradients[r.Start:r.End], first[r.Start:r.End], second[r.Start:r.End])
		}
	}
}
