package cpu

import (
	"uer/internal/device"
	"uer/internal/kernel"
	"uer/internal/op"
)

func normKernel(d *Device, o op.Norm) compute {
	return func(run *device.Run, out, in []operand, _ []bool) {
		inputs := op.NormInputsOf(o, in)
		var sum []float32 // [tokens, width]
		if o.Residual {
			sum = out[2].Floats
		}
		n := kernel.Norm{Kind: norms[o.Kind], Width: inputs.X.Shape[1], Gamma: inputs.Gamma.Floats, Beta: inputs.Beta.Floats}
		d.kernel.NormForward(n, out[0].Floats, sum, out[1].Floats, inputs.X.Floats, inputs.Residual.Floats,
			inputs.Rows.Integers, dropout(run, o.Dropout, o.Site))
	}
}

func normGradientKernel(d *Device, o op.NormGradient) compute {
	return func(run *device.Run, out, in []operand, accumulate []bool) {
		inputs := op.NormGradientInputsOf(o, in)
		to, add := op.NormGradientOutputsOf(o, out), op.NormGradientOutputsOf(o, accumulate)
		n := kernel.Norm{Kind: norms[o.Kind], Width: inputs.Sum.Shape[1], Gamma: inputs.Gamma.Floats}
		scratch := d.floats(kernel.NormBackwardScratch(inputs.Sum.Shape[0], n.Width))
		d.kernel.NormBackward(n, to.X.Floats, to.Residual.Floats, to.Gamma.Floats, to.Beta.Floats,
			inputs.DY.Floats, inputs.Sum.Floats, inputs.Stats.Floats, inputs.Rows.Integers,
			dropout(run, o.Dropout, o.Site), scratch, [4]bool{add.X, add.Residual, add.Gamma, add.Beta})
	}
}
