package cpu

import (
	"uer/internal/device"
	"uer/internal/kernel"
	"uer/internal/op"
)

func attentionKernel(d *Device, o op.Attention) compute {
	var a kernel.Attention
	return func(run *device.Run, out, in []operand, _ []bool) {
		inputs := op.AttentionInputsOf(o, in)
		a = attention(run, o, inputs)
		scratch := d.floats(kernel.AttentionScratch(&a, d.kernel.Threads(), false))
		d.kernel.AttentionForward(&a, out[0].Floats, out[1].Floats,
			inputs.Query.Floats, inputs.Key.Floats, inputs.Value.Floats, scratch)
	}
}

func attentionGradientKernel(d *Device, o op.AttentionGradient) compute {
	var a kernel.Attention
	return func(run *device.Run, out, in []operand, accumulate []bool) {
		y, lse, dy := in[0].Floats, in[1].Floats, in[2].Floats
		inputs := op.AttentionInputsOf(op.Attention(o), in[op.AttentionSaved:])
		a = attention(run, op.Attention(o), inputs)
		biasSize := 0
		if o.Bias {
			biasSize = len(out[3].Floats)
			a.DPositionBias = out[3].Floats
		}
		scratch := d.floats(biasSize + kernel.AttentionScratch(&a, d.kernel.Threads(), true))
		if o.Bias && accumulate[3] {
			a.DPositionBias = scratch[:biasSize]
		}
		d.kernel.AttentionBackward(&a, out[0].Floats, out[1].Floats, out[2].Floats, dy, y, lse,
			inputs.Query.Floats, inputs.Key.Floats, inputs.Value.Floats, scratch[biasSize:], [3]bool(accumulate))
		if o.Bias && accumulate[3] {
			d.kernel.Add(out[3].Floats, out[3].Floats, a.DPositionBias)
		}
	}
}

// attention describes the attention over the present batch. What the flags of o leave out is nil.
func attention(run *device.Run, o op.Attention, in op.AttentionInputs[operand]) kernel.Attention {
	return kernel.Attention{
		Heads: o.Heads, Size: in.Query.Shape[1] / o.Heads, MaxLength: o.MaxLength,
		Starts: in.Starts.Integers, KeyStarts: in.KeyStarts.Integers,
		Causal: o.Causal, Prefix: in.Prefix.Integers, Lengths: in.Lengths.Integers,
		Scale: o.Scale, PositionBias: in.Bias.Floats,
		Dropout: dropout(run, o.Dropout, o.Site), Rows: in.Rows.Integers,
	}
}
