package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func crossEntropyKernel(d *Device, o op.CrossEntropy) compute {
	var p kernel.CrossEntropy
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		c := op.CrossEntropyInputsOf(o, in)
		p = kernel.CrossEntropy{
			Rows: c.Hidden.Shape[0], Width: c.Hidden.Shape[1], Classes: c.Weight.Shape[0],
			Hidden: c.Hidden.Array, Weight: c.Weight.Floats, Labels: c.Labels.Integers,
			DHidden: out[2].output(accumulate[2]), DWeight: out[3].output(accumulate[3]), Precision: d.precision,
			ZLoss: float32(o.ZLoss),
		}
		if o.Bias {
			p.Bias, p.DBias = c.Bias.Floats, out[4].output(accumulate[4])
		}
		p.Scratch = d.floats(d.crossEntropySize(p.Rows, p.Width, p.Classes))
		loss, correct := d.kernel.CrossEntropy(&p)
		if out[0].wanted() {
			out[0].Floats[0] = loss
		}
		if out[1].wanted() {
			out[1].Floats[0] = float32(correct)
		}
	}
}

func crossEntropyScratch(d *Device, o op.CrossEntropy, in []graph.Shape) int {
	c := op.CrossEntropyInputsOf(o, in)
	return d.crossEntropySize(c.Hidden[0], c.Hidden[1], c.Weight[0])
}

// crossEntropySize is the size of the scratch memory.
func (d *Device) crossEntropySize(rows, width, classes int) int {
	return kernel.CrossEntropyScratch(rows, width, classes) + d.partialSums(min(rows, kernel.CrossEntropyRows(classes)), width, classes)
}
