package cpu

import (
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func gatedConvolutionKernel(c *CPU, o op.GatedConvolution) compute {
	return func(_ *Run, out, in []graph.Buffer, _ []bool) {
		g := gatedConvolution(o, in, c.Precision)
		tokens := in[0].Shape[0]
		scratch := c.floats(kernel.GatedConvolutionScratch(&g, tokens, false))
		saved := out[1].Floats[:kernel.GatedConvolutionSaved(&g, tokens)]
		c.kernel.GatedConvolutionForward(&g, out[0].Floats, saved, in[0].Floats, scratch)
	}
}

func gatedConvolutionGradientKernel(c *CPU, o op.GatedConvolutionGradient) compute {
	return func(_ *Run, out, in []graph.Buffer, accumulate []bool) {
		saved, dy, in := in[0].Floats, in[1].Floats, in[2:]
		g := gatedConvolution(op.GatedConvolution(o), in, c.Precision)
		tokens := in[0].Shape[0]
		to := kernel.GatedConvolutionGradients{
			X: out[0].Floats, AccumulateX: accumulate[0],
			Convolution: filterGradients(out[1:4], accumulate[1:4]),
			Gate:        filterGradients(out[4:7], accumulate[4:7]),
		}
		scratch := c.floats(kernel.GatedConvolutionScratch(&g, tokens, true))
		c.kernel.GatedConvolutionBackward(&g, &to, dy, saved[:kernel.GatedConvolutionSaved(&g, tokens)],
			in[0].Floats, scratch)
	}
}

// gatedConvolution describes the layer over the present batch. The inputs are those of op.GatedConvolution.
func gatedConvolution(o op.GatedConvolution, in []graph.Buffer, precision kernel.Precision) kernel.GatedConvolution {
	return kernel.GatedConvolution{
		Input: in[0].Shape[1], Output: in[1].Shape[0], Taps: o.Taps, TapsLast: o.TapsLast, Starts: in[7].Integers,
		Convolution: filter(in[1:4]), Gate: filter(in[4:7]), Precision: precision,
	}
}

func filter(parameters []graph.Buffer) kernel.Filter {
	return kernel.Filter{Weight: parameters[0].Floats, Bias: parameters[1].Floats, SecondBias: parameters[2].Floats}
}

func filterGradients(out []graph.Buffer, accumulate []bool) kernel.FilterGradients {
	f := kernel.FilterGradients{Filter: filter(out)}
	f.Accumulate.Weight, f.Accumulate.Bias, f.Accumulate.SecondBias = accumulate[0], accumulate[1], accumulate[2]
	return f
}
