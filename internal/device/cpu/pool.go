package cpu

import (
	"uer/internal/device"
	"uer/internal/kernel"
	"uer/internal/op"
)

func poolKernel(d *Device, o op.Pool) compute {
	var p kernel.Pool
	return func(_ *device.Run, out, in []operand, _ []bool) {
		p = kernel.Pool{
			Pooling: poolings[o.Kind], Width: out[0].Shape[1], Starts: in[1].Integers, X: in[0].Floats, Y: out[0].Floats,
		}
		d.kernel.PoolForward(&p)
	}
}

func poolGradientKernel(d *Device, o op.PoolGradient) compute {
	var g kernel.PoolGradient
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		g = kernel.PoolGradient{
			Pool: kernel.Pool{
				Pooling: poolings[o.Kind], Width: out[0].Shape[1], Starts: in[3].Integers, X: in[2].Floats, Y: in[1].Floats,
			},
			DY: in[0].Floats, DX: out[0].output(accumulate[0]),
		}
		d.kernel.PoolBackward(&g)
	}
}
