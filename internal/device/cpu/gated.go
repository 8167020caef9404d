package cpu

import (
	"uer/internal/device"
	"uer/internal/op"
)

func gatedKernel(d *Device, o op.Gated) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		d.kernel.GatedForward(activations[o.Activation], out[0].Array, in[0].Array, in[1].Array)
	}
}

func gatedGradientKernel(d *Device, o op.GatedGradient) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		gate, x, dy := in[0].Array, in[1].Array, in[2].Array
		d.kernel.GatedBackward(activations[o.Activation], out[0].Array, out[1].Array, dy, gate, x)
	}
}
