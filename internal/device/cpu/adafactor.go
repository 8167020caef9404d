package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func adafactorKernel(d *Device, o op.Adafactor) compute {
	return func(run *device.Run, out, in []operand, _ []bool) {
		gradient, factor, halted := in[0], in[1].Doubles[0], in[2].Floats[0]
		if halted != 0 {
			return
		}
		d.kernel.Adafactor(kernel.Adafactor{
			Rate: run.Update.Rate, WeightDecay: o.WeightDecay, GradientScale: factor, Step: run.Update.Number,
		}, out[0].Floats, gradient.Floats, out[1].Floats, out[2].Floats, gradient.Shape,
			d.floats(kernel.AdafactorScratch(gradient.Shape)))
	}
}

func adafactorScratch(_ *Device, _ op.Adafactor, in []graph.Shape) int {
	return kernel.AdafactorScratch(in[0])
}
