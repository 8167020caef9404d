package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

func linearKernel(d *Device, o op.Linear) compute {
	var p kernel.Product
	return func(run *device.Run, out, in []operand, _ []bool) {
		l := op.LinearInputsOf(o, in)
		p = kernel.Product{
			Precision: d.precision,
			M:         l.X.Shape[0], N: l.Weight.Shape[0], K: l.Weight.Shape[1],
			A: l.X.Array, B: l.Weight.Array, TransposeB: true, Packed: l.Weight.packedForward(d), C: out[0].Array,
			Bias: l.Bias.Floats, Activation: activations[o.Activation],
		}
		if o.Activation != op.Identity {
			p.PreActivation = out[1].Array
		}
		if o.Residual {
			p.Residual, p.Rows, p.Dropout = l.Residual.Array, l.Rows.Integers, dropout(run, o.Dropout, o.Site)
		}
		p.Scratch = d.floats(d.partialSums(p.M, p.N, p.K))
		d.kernel.MatMul(&p)
	}
}

func linearScratch(d *Device, o op.Linear, in []graph.Shape) int {
	l := op.LinearInputsOf(o, in)
	return d.partialSums(l.X[0], l.Weight[0], l.Weight[1])
}

// partialSums is the scratch memory of a product whose result [m, n] is stored as activations are.
func (d *Device) partialSums(m, n, k int) int {
	if d.Activations() != graph.BFloat16 {
		return 0
	}
	return d.kernel.PartialSums(m, n, k, d.precision)
}

func linearGradientKernel(d *Device, o op.LinearGradient) compute {
	var p kernel.Product
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		l := op.LinearGradientInputsOf(o, in)
		tokens, width, size := l.X.Shape[0], l.Weight.Shape[1], l.Weight.Shape[0]
		sumSize, beforeSize, partialSize := linearGradientSizes(d, o, tokens, width, size)
		scratch := d.floats(sumSize + beforeSize + partialSize)
		dy := l.DY.Array // [tokens, out]
		sums := o.Bias && out[2].wanted()
		if o.Activation != op.Identity {
			before, a := d.stored(scratch[sumSize:], tokens*size), activations[o.Activation]
			if sums {
				d.kernel.ActivationBackwardSum(a, before, dy, l.PreActivation.Array, out[2].output(accumulate[2]), size, scratch[:sumSize])
			} else {
				d.kernel.ActivationBackward(a, before, dy, l.PreActivation.Array)
			}
			dy = before
		} else if sums {
			d.kernel.ColumnSum(out[2].Floats, dy, size, scratch[:sumSize], accumulate[2])
		}
		if out[0].wanted() { // dx = dy W
			p = kernel.Product{
				Precision: d.precision, M: tokens, N: width, K: size, A: dy,
				B: l.Weight.Array, Packed: l.Weight.packedBackward(d), C: out[0].Array, Accumulate: accumulate[0],
				Scratch: scratch[sumSize+beforeSize:],
			}
			d.kernel.MatMul(&p)
		}
		if out[1].wanted() { // dW = dyᵀ x
			p = kernel.Product{
				Precision: d.precision, M: size, N: width, K: tokens, A: dy, TransposeA: true,
				B: l.X.Array, C: out[1].Array, Accumulate: accumulate[1],
			}
			d.kernel.MatMul(&p)
		}
	}
}

// linearGradientSizes are what the gradient of the bias, that before the activation and the product for dx need.
func linearGradientSizes(d *Device, o op.LinearGradient, tokens, width, size int) (sums, before, partial int) {
	if o.Bias {
		sums = kernel.ColumnSumScratch(tokens, size)
	}
	if o.Activation != op.Identity {
		before = d.storedSize(tokens * size)
	}
	return sums, before, d.partialSums(tokens, width, size)
}

func linearGradientScratch(d *Device, o op.LinearGradient, in []graph.Shape) int {
	l := op.LinearGradientInputsOf(o, in)
	sums, before, partial := linearGradientSizes(d, o, l.X[0], l.Weight[1], l.Weight[0])
	return sums + before + partial
}
