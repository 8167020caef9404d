package cpu

import (
	"cmp"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func normKernel(d *Device, o op.Norm) compute {
	var n kernel.Norm
	return func(run *device.Run, out, in []operand, _ []bool) {
		inputs := op.NormInputsOf(o, in)
		n = kernel.Norm{
			Kind: norms[o.Kind], Epsilon: cmp.Or(o.Epsilon, op.NormEpsilon), Width: inputs.X.Shape[1], Gamma: inputs.Gamma.Floats, Beta: inputs.Beta.Floats,
			X: inputs.X.Array, Residual: inputs.Residual.Array, Rows: inputs.Rows.Integers, Dropout: dropout(run, o.Dropout, o.Site),
			Y: out[0].Array, Stats: out[1].Floats,
		}
		if o.Residual {
			n.Sum = out[2].Array
		}
		d.kernel.NormForward(&n)
	}
}

func normGradientKernel(d *Device, o op.NormGradient) compute {
	var g kernel.NormGradient
	return func(run *device.Run, out, in []operand, accumulate []bool) {
		inputs := op.NormGradientInputsOf(o, in)
		to, add := op.NormGradientOutputsOf(o, out), op.NormGradientOutputsOf(o, accumulate)
		g = kernel.NormGradient{
			Kind: norms[o.Kind], Epsilon: cmp.Or(o.Epsilon, op.NormEpsilon), Width: inputs.Sum.Shape[1], Gamma: inputs.Gamma.Floats,
			DY: inputs.DY.Array, Sum: inputs.Sum.Array, Stats: inputs.Stats.Floats,
			Rows: inputs.Rows.Integers, Dropout: dropout(run, o.Dropout, o.Site),
			DX: to.X.output(add.X), DResidual: to.Residual.output(add.Residual),
			DGamma: to.Gamma.output(add.Gamma), DBeta: to.Beta.output(add.Beta),
		}
		g.Scratch = d.floats(kernel.NormGradientScratch(inputs.Sum.Shape[0], g.Width))
		d.kernel.NormBackward(&g)
	}
}

func normGradientScratch(_ *Device, o op.NormGradient, in []graph.Shape) int {
	sum := op.NormGradientInputsOf(o, in).Sum
	return kernel.NormGradientScratch(sum[0], sum[1])
}
