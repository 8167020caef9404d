package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func gatedConvolutionKernel(d *Device, o op.GatedConvolution) compute {
	return func(_ *device.Run, out, in []operand, _ []bool) {
		g := gatedConvolution(o, in, d.precision)
		tokens := in[0].Shape[0]
		scratch := d.floats(kernel.GatedConvolutionScratch(&g, tokens, false))
		saved := out[1].Floats[:kernel.GatedConvolutionSaved(&g, tokens)]
		d.kernel.GatedConvolutionForward(&g, out[0].Floats, saved, in[0].Floats, scratch)
	}
}

func gatedConvolutionGradientKernel(d *Device, o op.GatedConvolutionGradient) compute {
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		saved, dy, in := in[0].Floats, in[1].Floats, in[2:]
		g := gatedConvolution(op.GatedConvolution(o), in, d.precision)
		tokens := in[0].Shape[0]
		to := kernel.GatedConvolutionGradients{
			X: out[0].Floats, AccumulateX: accumulate[0],
			Convolution: filterGradients(out[1:4], accumulate[1:4]),
			Gate:        filterGradients(out[4:7], accumulate[4:7]),
		}
		scratch := d.floats(kernel.GatedConvolutionScratch(&g, tokens, true))
		d.kernel.GatedConvolutionBackward(&g, &to, dy, saved[:kernel.GatedConvolutionSaved(&g, tokens)],
			in[0].Floats, scratch)
	}
}

// gatedConvolution describes the layer over the present batch. The inputs are those of op.GatedConvolution.
func gatedConvolution(o op.GatedConvolution, in []operand, precision kernel.Precision) kernel.GatedConvolution {
	return kernel.GatedConvolution{
		Input: in[0].Shape[1], Output: in[1].Shape[0], Taps: o.Taps, TapsLast: o.TapsLast, Starts: in[7].Integers,
		Convolution: filter(in[1:4]), Gate: filter(in[4:7]), Precision: precision,
	}
}

func filter(parameters []operand) kernel.Filter {
	return kernel.Filter{Weight: parameters[0].Floats, Bias: parameters[1].Floats, SecondBias: parameters[2].Floats}
}

func filterGradients(out []operand, accumulate []bool) kernel.FilterGradients {
	f := kernel.FilterGradients{Filter: filter(out)}
	f.Accumulate.Weight, f.Accumulate.Bias, f.Accumulate.SecondBias = accumulate[0], accumulate[1], accumulate[2]
	return f
}

// gatedConvolutionSaved is the size of what the kernel saves, for the inputs of op.GatedConvolution.
func gatedConvolutionSaved(o op.GatedConvolution, in []graph.Shape) int {
	g := kernel.GatedConvolution{Input: in[0][1], Output: in[1][0], Taps: o.Taps}
	return kernel.GatedConvolutionSaved(&g, in[0][0])
}
