package cpu

import (
	"uer/internal/device"
	"uer/internal/op"
)

func columnsKernel(d *Device, o op.Columns) compute {
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		d.kernel.CopyColumns(out[0].Floats, o.Count, 0, in[0].Floats, in[0].Shape[1], o.From, o.Count, accumulate[0])
	}
}

func widenKernel(d *Device, o op.Widen) compute {
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		if !accumulate[0] {
			d.kernel.Fill(out[0].Floats, 0)
		}
		count := in[0].Shape[1]
		d.kernel.CopyColumns(out[0].Floats, o.Width, o.From, in[0].Floats, count, 0, count, accumulate[0])
	}
}
