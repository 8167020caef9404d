package cpu

import (
	"math"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/op"
)

func sumSquaresKernel(d *Device, _ op.SumSquares) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		out[0].Doubles[0] = d.kernel.SumSquares(in[0].Floats)
	}
}

func clipKernel(_ *Device, o op.Clip) compute {
	return func(run *device.Run, out, in []operand, _ []bool) {
		factor := run.Update.Scale
		norm := math.Abs(factor) * math.Sqrt(in[0].Doubles[0])
		if o.Limit > 0 && norm > o.Limit {
			factor *= o.Limit / norm
		}
		out[0].Doubles[0], out[1].Doubles[0] = norm, factor
	}
}

func guardKernel(_ *Device, _ graph.Guard) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		var x float64
		if in[0].Doubles != nil {
			x = in[0].Doubles[0]
		} else {
			x = float64(in[0].Floats[0])
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			out[0].Floats[0] = 1
		}
	}
}
