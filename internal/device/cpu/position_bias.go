package cpu

import (
	"uer/internal/device"
	"uer/internal/op"
)

func positionBiasKernel(d *Device, o op.PositionBias) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		d.kernel.PositionBiasForward(out[0].Floats, in[0].Floats, in[0].Shape[1], o.MaxLength, o.Bidirectional)
	}
}

func positionBiasGradientKernel(d *Device, o op.PositionBiasGradient) compute {
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		d.kernel.PositionBiasBackward(out[0].Floats, in[0].Floats, in[0].Shape[0], o.MaxLength, o.Bidirectional, accumulate[0])
	}
}
