package device

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
		a = attention(run, op.Attention(o), in)
		scratch := c.floats(kernel.AttentionScratch(&a, c.kernel.Threads(), true))
		c.kernel.AttentionBackward(&a, out[0].Floats, out[1].Floats, out[2].Floats, in[7].Floats, in[5].Floats, in[6].Floats,
			in[0].Floats, in[1].Floats, in[2].Floats, scratch, [3]bool(accumulate))
	}
}

// attention describes the attention over the present batch.
func attention(run *Run, o op.Attention, in []graph.Buffer) kernel.Attention {
	return kernel.Attention{
		Heads:     o.Heads,
		Size:      in[0].Shape[1] / o.Heads,
		Starts:    in[3].Integers,
		Causal:    o.Causal,
		Scale:     o.Scale,
		MaxLength: o.MaxLength,
		Dropout:   dropout(run, o.Dropout, o.Site),
		Rows:      in[4].Integers,
	}
}
