package cpu

import (
	"uer/internal/device"
	"uer/internal/kernel"
	"uer/internal/op"
)

func dropoutKernel(d *Device, o op.Dropout) compute {
	return func(run *device.Run, out, in []operand, accumulate []bool) {
		d.kernel.DropoutForward(out[0].Array, in[0].Array, out[0].Shape[1], in[1].Integers,
			dropout(run, o.Probability, o.Site), accumulate[0])
	}
}

func dropoutAddKernel(d *Device, o op.DropoutAdd) compute {
	return func(run *device.Run, out, in []operand, _ []bool) {
		d.kernel.DropoutAdd(out[0].Array, in[0].Array, in[1].Array, out[0].Shape[1], in[2].Integers,
			dropout(run, o.Probability, o.Site))
	}
}

// dropout returns the dropout of one site in one step.
func dropout(run *device.Run, probability float32, site int) kernel.Dropout {
	if probability == 0 {
		return kernel.Dropout{}
	}
	return kernel.Dropout{Probability: probability, Key: run.DropoutKey(site)}
}
