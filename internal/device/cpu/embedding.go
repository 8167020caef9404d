package cpu

import (
	"uer/internal/device"
	"uer/internal/kernel"
	"uer/internal/op"
)

func embeddingKernel(d *Device, o op.Embedding) compute {
	e := kernel.Embedding{Scale: o.Scale, Tables: make([][]float32, o.Tables), IDs: make([][]int32, o.Tables)}
	return func(_ *device.Run, out, in []operand, _ []bool) {
		for i := range o.Tables {
			e.Tables[i], e.IDs[i] = in[i].Floats, in[o.Tables+i].Integers
		}
		e.Out, e.Width = out[0].Array, out[0].Shape[1]
		d.kernel.EmbeddingForward(&e)
	}
}

func embeddingGradientKernel(d *Device, o op.EmbeddingGradient) compute {
	var g kernel.EmbeddingGradient
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		g = kernel.EmbeddingGradient{
			Width: out[0].Shape[1], Scale: o.Scale, IDs: in[1].Integers, DOut: in[0].Array, DTable: out[0].output(accumulate[0]),
		}
		d.kernel.EmbeddingBackward(&g)
	}
}
