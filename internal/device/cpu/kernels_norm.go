package cpu

import (
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func normKernel(c *CPU, o op.Norm) compute {
	return func(run *Run, out, in []graph.Buffer, _ []bool) {
		var residual, sum []float32 // [tokens, width]
		var rows []int32            // [tokens]
		gains := in[1:]
		if o.Residual {
			residual, rows, sum, gains = in[1].Floats, in[2].Integers, out[2].Floats, in[3:]
		}
		n := kernel.Norm{Kind: norms[o.Kind], Width: in[0].Shape[1], Gamma: gains[0].Floats}
		if o.Kind != op.NormRMS {
			n.Beta = gains[1].Floats
		}
		c.kernel.NormForward(n, out[0].Floats, sum, out[1].Floats, in[0].Floats, residual, rows,
			dropout(run, o.Dropout, o.Site))
	}
}

func normGradientKernel(c *CPU, o op.NormGradient) compute {
	return func(run *Run, out, in []graph.Buffer, accumulate []bool) {
		x, stats, gamma, dy := in[0], in[1].Floats, in[2].Floats, in[3].Floats
		n := kernel.Norm{Kind: norms[o.Kind], Width: x.Shape[1], Gamma: gamma}
		var dresidual, dbeta []float32
		var rows []int32
		var add [4]bool // dx, dresidual, dgamma, dbeta
		add[0] = accumulate[0]
		next := 1
		if o.Residual {
			rows, dresidual, add[1] = in[4].Integers, out[1].Floats, accumulate[1]
			next = 2
		}
		dgamma := out[next].Floats
		add[2] = accumulate[next]
		if o.Kind != op.NormRMS {
			dbeta, add[3] = out[next+1].Floats, accumulate[next+1]
		}
		scratch := c.floats(kernel.NormBackwardScratch(x.Shape[0], n.Width))
		c.kernel.NormBackward(n, out[0].Floats, dresidual, dgamma, dbeta, dy, x.Floats, stats, rows,
			dropout(run, o.Dropout, o.Site), scratch, add)
	}
}
