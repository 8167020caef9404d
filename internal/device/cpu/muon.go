package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func muonKernel(d *Device, o op.Muon) compute {
	return func(run *device.Run, out, in []operand, _ []bool) {
		gradient, factor, halted := in[0], in[1].Doubles[0], in[2].Floats[0]
		if halted != 0 {
			return
		}
		rows, columns := gradient.Shape[0], gradient.Shape[1]
		d.kernel.Muon(kernel.Muon{
			Rate: o.Rate(run.Update.Rate, gradient.Shape), Decay: run.Update.Rate * o.WeightDecay, Momentum: o.Momentum,
			GradientScale: factor, A: op.MuonA, B: op.MuonB, C: op.MuonC, Steps: op.MuonSteps, Epsilon: op.MuonEpsilon,
			Precision: d.precision,
		}, out[0].Floats, gradient.Floats, out[1].Floats, rows, columns, d.floats(kernel.MuonScratch(rows, columns)))
	}
}

func muonScratch(_ *Device, _ op.Muon, in []graph.Shape) int {
	return kernel.MuonScratch(in[0][0], in[0][1])
}
