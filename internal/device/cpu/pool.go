package cpu

import (
	"uer/internal/device"
	"uer/internal/op"
)

func poolKernel(d *Device, o op.Pool) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		d.kernel.PoolForward(poolings[o.Kind], out[0].Floats, in[0].Floats, out[0].Shape[1], in[1].Integers)
	}
}

func poolGradientKernel(d *Device, o op.PoolGradient) compute {
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		d.kernel.PoolBackward(poolings[o.Kind], out[0].Floats, in[0].Floats, in[1].Floats, in[2].Floats, out[0].Shape[1],
			in[3].Integers, accumulate[0])
	}
}
