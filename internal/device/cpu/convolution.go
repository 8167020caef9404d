package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func gatedConvolutionKernel(d *Device, o op.GatedConvolution) compute {
	var g kernel.GatedConvolution
	return func(_ *device.Run, out, in []operand, _ []bool) {
		g = gatedConvolution(o, in, d.precision)
		g.Y, g.Saved = out[0].Array, out[1].Array
		g.Scratch = d.floats(g.ScratchSize())
		d.kernel.GatedConvolutionForward(&g)
	}
}

func gatedConvolutionGradientKernel(d *Device, o op.GatedConvolutionGradient) compute {
	var g kernel.GatedConvolutionGradient
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		g = kernel.GatedConvolutionGradient{
			GatedConvolution: gatedConvolution(op.GatedConvolution(o), in[2:], d.precision),
			DY:               in[1].Array,
			DX:               out[0].output(accumulate[0]),
			DConvolution:     filterGradient(out[1:4], accumulate[1:4]),
			DGate:            filterGradient(out[4:7], accumulate[4:7]),
		}
		g.Saved = in[0].Array
		g.Scratch = d.floats(g.ScratchSize())
		d.kernel.GatedConvolutionBackward(&g)
	}
}

// gatedConvolution describes the layer over the current batch, without its outputs. The inputs are those of
// op.GatedConvolution.
func gatedConvolution(o op.GatedConvolution, in []operand, precision kernel.Precision) kernel.GatedConvolution {
	return kernel.GatedConvolution{
		Input: in[0].Shape[1], Output: in[1].Shape[0], Taps: o.Taps, TapsLast: o.TapsLast, Starts: in[7].Integers,
		Convolution: filter(in[1:4]), Gate: filter(in[4:7]), Precision: precision, X: in[0].Array,
	}
}

func filter(parameters []operand) kernel.Filter {
	return kernel.Filter{Weight: parameters[0].Floats, Bias: parameters[1].Floats, SecondBias: parameters[2].Floats}
}

func filterGradient(out []operand, accumulate []bool) kernel.FilterGradient {
	return kernel.FilterGradient{
		Weight: out[0].output(accumulate[0]), Bias: out[1].output(accumulate[1]), SecondBias: out[2].output(accumulate[2]),
	}
}

// gatedConvolutionSaved returns the number of elements that the kernel saves, given the inputs of op.GatedConvolution.
func gatedConvolutionSaved(_ *Device, o op.GatedConvolution, in []graph.Shape) int {
	g := kernel.GatedConvolution{Input: in[0][1], Output: in[1][0], Taps: o.Taps}
	return kernel.GatedConvolutionSaved(&g, in[0][0])
}

func gatedConvolutionScratch(d *Device, _ op.GatedConvolution, in []graph.Shape) int {
	g := gatedConvolutionOf(d, in)
	return g.ScratchSize()
}

func gatedConvolutionGradientScratch(d *Device, _ op.GatedConvolutionGradient, in []graph.Shape) int {
	g := kernel.GatedConvolutionGradient{GatedConvolution: gatedConvolutionOf(d, in[2:])}
	return g.ScratchSize()
}

// gatedConvolutionOf describes a layer by the shapes of its inputs.
func gatedConvolutionOf(d *Device, in []graph.Shape) kernel.GatedConvolution {
	return kernel.GatedConvolution{Input: in[0][1], Output: in[1][0], Starts: []int32{0, int32(in[0][0])}, X: d.stored(nil, 0)}
}
