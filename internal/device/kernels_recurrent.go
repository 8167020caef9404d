package device

import (
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func recurrentKernel(c *CPU, o op.Recurrent) compute {
	return func(_ *Run, out, in []graph.Buffer, _ []bool) {
		r := recurrent(o, in, c.Precision)
		tokens, sequences := in[0].Shape[0], len(r.Starts)-1
		scratch := c.floats(kernel.RecurrentScratch(&r, tokens, sequences, false))
		saved := out[1].Floats[:kernel.RecurrentSaved(&r, tokens)]
		c.kernel.RecurrentForward(&r, out[0].Floats, saved, in[0].Floats, scratch)
	}
}

func recurrentGradientKernel(c *CPU, o op.RecurrentGradient) compute {
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		y, dy, x := in[0].Floats, in[2].Floats, in[3]
		r := recurrent(op.Recurrent(o), in[3:], c.Precision)
		tokens, sequences := x.Shape[0], len(r.Starts)-1
		g := kernel.RecurrentGradients{
			X: out[0].Floats, WeightIH: out[1].Floats, WeightHH: out[2].Floats, BiasIH: out[3].Floats, BiasHH: out[4].Floats,
		}
		add := &g.Accumulate
		add.X, add.WeightIH, add.WeightHH, add.BiasIH, add.BiasHH =
			accumulate[0], accumulate[1], accumulate[2], accumulate[3], accumulate[4]
		scratch := c.floats(kernel.RecurrentScratch(&r, tokens, sequences, true))
		saved := in[1].Floats[:kernel.RecurrentSaved(&r, tokens)]
		c.kernel.RecurrentBackward(&r, &g, dy, y, saved, x.Floats, scratch)
	}
}

// recurrent describes the layer over the present batch. The inputs are those of op.Recurrent.
func recurrent(o op.Recurrent, in []graph.Buffer, precision kernel.Precision) kernel.Recurrent {
	return kernel.Recurrent{
		Cell: o.Cell, Reverse: o.Reverse, Input: in[1].Shape[1], Hidden: in[2].Shape[1], Starts: in[5].Integers,
		Precision: precision, WeightIH: in[1].Floats, WeightHH: in[2].Floats, BiasIH: in[3].Floats, BiasHH: in[4].Floats,
	}
}
