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
			Pooling: poolings[o.Kind], Width: out[0].Shape[1], Starts: in[1].Integers, X: in[0].Array, Y: out[0].Array,
		}
		d.kernel.PoolForward(&p)
	}
}

func poolGradientKernel(d *Device, o op.PoolGradient) compute {
	var g kernel.PoolGradient
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		g = kernel.PoolGradient{
			Pool: kernel.Pool{
				Pooling: poolings[o.Kind], Width: out[0].Shape[1], Starts: in[3].Integers, X: in[2].Array, Y: in[1].Array,
			},
			DY: in[0].Array, DX: out[0].output(accumulate[0]),
		}
		d.kernel.PoolBackward(&g)
	}
}
