package cpu

import (
	"uer/internal/device"
	"uer/internal/op"
)

func gatherKernel(d *Device, _ op.Gather) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		d.kernel.GatherRows(out[0].Array, in[0].Array, out[0].Shape[1], in[1].Integers)
	}
}

func scatterKernel(d *Device, _ op.Scatter) compute {
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		d.kernel.ScatterAddRows(out[0].Array, in[0].Array, out[0].Shape[1], in[1].Integers, accumulate[0])
	}
}
