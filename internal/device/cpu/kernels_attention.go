package cpu

import (
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func attentionKernel(c *CPU, o op.Attention) compute {
	var a kernel.Attention
	return func(run *Run, out, in []graph.Buffer, _ []bool) {
		a = attention(run, o, in)
		scratch := c.floats(kernel.AttentionScratch(&a, c.kernel.Threads(), false))
		c.kernel.AttentionForward(&a, out[0].Floats, out[1].Floats, in[0].Floats, in[1].Floats, in[2].Floats, scratch)
	}
}

func attentionGradientKernel(c *CPU, o op.AttentionGradient) compute {
	var a kernel.Attention
	return func(run *Run, out, in []graph.Buffer, accumulate []bool) {
		y, lse, dy, in := in[0].Floats, in[1].Floats, in[2].Floats, in[3:]
		a = attention(run, op.Attention(o), in)
		biasSize := 0
		if o.Bias {
			biasSize = len(out[3].Floats)
			a.DPositionBias = out[3].Floats
		}
		scratch := c.floats(biasSize + kernel.AttentionScratch(&a, c.kernel.Threads(), true))
		if o.Bias && accumulate[3] {
			a.DPositionBias = scratch[:biasSize]
		}
		c.kernel.AttentionBackward(&a, out[0].Floats, out[1].Floats, out[2].Floats, dy, y, lse,
			in[0].Floats, in[1].Floats, in[2].Floats, scratch[biasSize:], [3]bool(accumulate))
		if o.Bias && accumulate[3] {
			c.kernel.Add(out[3].Floats, out[3].Floats, a.DPositionBias)
		}
	}
}

// attention describes the attention over the present batch. The inputs are those of op.Attention.
func attention(run *Run, o op.Attention, in []graph.Buffer) kernel.Attention {
	a := kernel.Attention{
		Heads:     o.Heads,
		Size:      in[0].Shape[1] / o.Heads,
		Starts:    in[3].Integers,
		Causal:    o.Causal,
		Scale:     o.Scale,
		MaxLength: o.MaxLength,
		Dropout:   dropout(run, o.Dropout, o.Site),
		Rows:      in[4].Integers,
	}
	rest := in[5:]
	next := func() graph.Buffer {
		first := rest[0]
		rest = rest[1:]
		return first
	}
	if o.Cross {
		a.KeyStarts = next().Integers
	}
	if o.Prefix {
		a.Prefix = next().Integers
	}
	if o.Lengths {
		a.Lengths = next().Integers
	}
	if o.Bias {
		a.PositionBias = next().Floats
	}
	return a
}

func positionBiasKernel(c *CPU, o op.PositionBias) compute {
	return func(_ *Run, out, in []graph.Buffer, _ []bool) {
		c.kernel.PositionBiasForward(out[0].Floats, in[0].Floats, in[0].Shape[1], o.MaxLength, o.Bidirectional)
	}
}

func positionBiasGradientKernel(c *CPU, o op.PositionBiasGradient) compute {
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		c.kernel.PositionBiasBackward(out[0].Floats, in[0].Floats, in[0].Shape[0], o.MaxLength, o.Bidirectional, accumulate[0])
	}
}
