package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func attentionKernel(d *Device, o op.Attention) compute {
	var a kernel.Attention
	return func(run *device.Run, out, in []operand, _ []bool) {
		a = attention(run, o, op.AttentionInputsOf(o, in), d.precision)
		a.Out, a.LSE = out[0].Array, out[1].Floats
		a.Scratch = d.floats(a.ScratchSize(d.kernel.Threads()))
		d.kernel.AttentionForward(&a)
	}
}

func attentionGradientKernel(d *Device, o op.AttentionGradient) compute {
	var g kernel.AttentionGradient
	return func(run *device.Run, out, in []operand, accumulate []bool) {
		inputs := op.AttentionInputsOf(op.Attention(o), in[op.AttentionSaved:])
		g = kernel.AttentionGradient{
			Attention: attention(run, op.Attention(o), inputs, d.precision), DOut: in[2].Array,
			DQ: out[0].output(accumulate[0]), DK: out[1].output(accumulate[1]), DV: out[2].output(accumulate[2]),
		}
		g.Out, g.LSE = in[0].Array, in[1].Floats
		if o.Bias {
			g.DPositionBias = out[3].output(accumulate[3])
		}
		g.Scratch = d.floats(g.ScratchSize(d.kernel.Threads()))
		d.kernel.AttentionBackward(&g)
	}
}

// attention describes the attention over the current batch, without its outputs. Inputs that the flags of o leave out are
// nil.
func attention(run *device.Run, o op.Attention, in op.AttentionInputs[operand], precision kernel.Precision) kernel.Attention {
	return kernel.Attention{
		Heads: o.Heads, Size: in.Query.Shape[1] / o.Heads, MaxLength: o.MaxLength,
		Starts: in.Starts.Integers, KeyStarts: in.KeyStarts.Integers,
		Causal: o.Causal, Prefix: in.Prefix.Integers, Lengths: in.Lengths.Integers,
		Scale: o.Scale, PositionBias: in.Bias.Floats, Precision: precision,
		Dropout: dropout(run, o.Dropout, o.Site), Rows: in.Rows.Integers,
		Q: in.Query.Array, K: in.Key.Array, V: in.Value.Array,
	}
}

func attentionScratch(d *Device, o op.Attention, in []graph.Shape) int {
	a := attentionOf(d, o, op.AttentionInputsOf(o, in))
	return a.ScratchSize(d.kernel.Threads())
}

func attentionGradientScratch(d *Device, o op.AttentionGradient, in []graph.Shape) int {
	g := kernel.AttentionGradient{Attention: attentionOf(d, op.Attention(o), op.AttentionInputsOf(op.Attention(o), in[op.AttentionSaved:]))}
	return g.ScratchSize(d.kernel.Threads())
}

// attentionOf describes an attention by the shapes of its inputs.
func attentionOf(d *Device, o op.Attention, in op.AttentionInputs[graph.Shape]) kernel.Attention {
	return kernel.Attention{
		Heads: o.Heads, Size: in.Query[1] / o.Heads, MaxLength: o.MaxLength, Precision: d.precision, Q: d.stored(nil, 0),
	}
}
