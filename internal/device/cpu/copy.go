package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/op"
)

func copyKernel(d *Device, _ graph.Copy) compute {
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		d.kernel.Copy(out[0].Array, in[0].Array, accumulate[0])
	}
}

func scaleKernel(d *Device, _ op.Scale) compute {
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		d.kernel.Scale(out[0].Floats, in[0].Floats, in[1].Floats[0], accumulate[0])
	}
}

func totalKernel(_ *Device, _ op.Total) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		out[0].Floats[0] = in[0].Floats[0] + in[1].Floats[0]
	}
}
