package cpu

import (
	"uer/internal/device"
	"uer/internal/op"
)

func embeddingKernel(d *Device, o op.Embedding) compute {
	tables, ids := make([][]float32, o.Tables), make([][]int32, o.Tables)
	return func(_ *device.Run, out, in []operand, _ []bool) {
		for i := range o.Tables {
			tables[i], ids[i] = in[i].Floats, in[o.Tables+i].Integers
		}
		d.kernel.EmbeddingForward(out[0].Floats, out[0].Shape[1], o.Scale, tables, ids)
	}
}

func embeddingGradientKernel(d *Device, o op.EmbeddingGradient) compute {
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		d.kernel.EmbeddingBackward(out[0].Floats, out[0].Shape[1], in[1].Integers, in[0].Floats, o.Scale, accumulate[0])
	}
}
