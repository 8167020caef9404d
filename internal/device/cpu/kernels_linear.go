package cpu

import (
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func linearKernel(c *CPU, o op.Linear) compute {
	var p kernel.Product
	return func(run *Run, out, in []graph.Buffer, _ []bool) {
		x, weight := in[0], in[1] // [tokens, in], [out, in]
		p = kernel.Product{
			Precision: c.Precision,
			M:         x.Shape[0], N: weight.Shape[0], K: weight.Shape[1],
			A: x.Floats, B: weight.Floats, TransposeB: true, Packed: run.weights.forward(c, weight), C: out[0].Floats,
			Activation: activations[o.Activation],
		}
		if o.Bias {
			p.Bias = in[2].Floats
		}
		if o.Activation != op.Identity {
			p.Before = out[1].Floats
		}
		if o.Residual {
			p.Residual, p.Rows = in[len(in)-2].Floats, in[len(in)-1].Integers
			p.Dropout = dropout(run, o.Dropout, o.Site)
		}
		c.kernel.MatMul(&p)
	}
}

func linearGradientKernel(c *CPU, o op.LinearGradient) compute {
	var p kernel.Product
	return func(run *Run, out, in []graph.Buffer, accumulate []bool) {
		x, weight, dy := in[0], in[1], in[2].Floats // [tokens, in], [out, in], [tokens, out]
		tokens, width, size := x.Shape[0], weight.Shape[1], weight.Shape[0]
		sumScratch := 0
		if o.Bias {
			sumScratch = kernel.ColumnSumScratch(tokens, size)
		}
		scratch := c.floats(sumScratch + tokens*size)
		if o.Activation != op.Identity {
			before := scratch[sumScratch : sumScratch+tokens*size]
			c.kernel.ActivationBackward(activations[o.Activation], before, dy, in[3].Floats)
			dy = before
		}
		if out[0].Wanted() { // dx = dy W
			p = kernel.Product{
				Precision: c.Precision, M: tokens, N: width, K: size, A: dy,
				B: weight.Floats, Packed: run.weights.backward(c, weight), C: out[0].Floats, Accumulate: accumulate[0],
			}
			c.kernel.MatMul(&p)
		}
		if out[1].Wanted() { // dW = dyᵀ x
			p = kernel.Product{
				Precision: c.Precision, M: size, N: width, K: tokens, A: dy, TransposeA: true, B: x.Floats, C: out[1].Floats, Accumulate: accumulate[1],
			}
			c.kernel.MatMul(&p)
		}
		if o.Bias && out[2].Wanted() {
			c.kernel.ColumnSum(out[2].Floats, dy, size, scratch[:sumScratch], accumulate[2])
		}
	}
}
