package cpu

import (
	"uer/internal/device"
	"uer/internal/kernel"
	"uer/internal/op"
)

func columnsKernel(d *Device, o op.Columns) compute {
	var c kernel.Columns
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		c = kernel.Columns{
			X: in[0].Array, Width: in[0].Shape[1], From: o.From, Count: o.Count,
			Out: out[0].Array, OutWidth: o.Count, Accumulate: accumulate[0],
		}
		d.kernel.CopyColumns(&c)
	}
}

func widenKernel(d *Device, o op.Widen) compute {
	var c kernel.Columns
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		if !accumulate[0] {
			d.kernel.Clear(out[0].Array)
		}
		count := in[0].Shape[1]
		c = kernel.Columns{
			X: in[0].Array, Width: count, Count: count,
			Out: out[0].Array, OutWidth: o.Width, OutFrom: o.From, Accumulate: accumulate[0],
		}
		d.kernel.CopyColumns(&c)
	}
}
