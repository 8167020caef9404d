package cpu

import (
	"uer/internal/device"
	"uer/internal/op"
)

func gatedKernel(d *Device, o op.Gated) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		d.kernel.GatedForward(activations[o.Activation], out[0].Floats, in[0].Floats, in[1].Floats)
	}
}

func gatedGradientKernel(d *Device, o op.GatedGradient) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		gate, x, dy := in[0].Floats, in[1].Floats, in[2].Floats
		d.kernel.GatedBackward(activations[o.Activation], out[0].Floats, out[1].Floats, dy, gate, x)
	}
}
