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
			A: l.X.Floats, B: l.Weight.Floats, TransposeB: true, Packed: l.Weight.packedForward(d), C: out[0].Floats,
			Bias: l.Bias.Floats, Activation: activations[o.Activation],
		}
		if o.Activation != op.Identity {
			p.PreActivation = out[1].Floats
		}
		if o.Residual {
			p.Residual, p.Rows, p.Dropout = l.Residual.Floats, l.Rows.Integers, dropout(run, o.Dropout, o.Site)
		}
		d.kernel.MatMul(&p)
	}
}

func linearGradientKernel(d *Device, o op.LinearGradient) compute {
	var p kernel.Product
	return func(_ *device.Run, out, in []operand, accumulate []bool) {
		l := op.LinearGradientInputsOf(o, in)
		tokens, width, size := l.X.Shape[0], l.Weight.Shape[1], l.Weight.Shape[0]
		sumScratch := linearSumScratch(o, tokens, size)
		scratch := d.floats(sumScratch + tokens*size)
		dy := l.DY.Floats // [tokens, out]
		sums := o.Bias && out[2].wanted()
		if o.Activation != op.Identity {
			before, a, x := scratch[sumScratch:sumScratch+tokens*size], activations[o.Activation], l.PreActivation.Floats
			if sums {
				d.kernel.ActivationBackwardSum(a, before, dy, x, out[2].output(accumulate[2]), size, scratch[:sumScratch])
			} else {
				d.kernel.ActivationBackward(a, before, dy, x)
			}
			dy = before
		} else if sums {
			d.kernel.ColumnSum(out[2].Floats, dy, size, scratch[:sumScratch], accumulate[2])
		}
		if out[0].wanted() { // dx = dy W
			p = kernel.Product{
				Precision: d.precision, M: tokens, N: width, K: size, A: dy,
				B: l.Weight.Floats, Packed: l.Weight.packedBackward(d), C: out[0].Floats, Accumulate: accumulate[0],
			}
			d.kernel.MatMul(&p)
		}
		if out[1].wanted() { // dW = dyᵀ x
			p = kernel.Product{
				Precision: d.precision, M: size, N: width, K: tokens, A: dy, TransposeA: true,
				B: l.X.Floats, C: out[1].Floats, Accumulate: accumulate[1],
			}
			d.kernel.MatMul(&p)
		}
	}
}

// linearSumScratch is what the gradient of the bias needs.
func linearSumScratch(o op.LinearGradient, tokens, size int) int {
	if !o.Bias {
		return 0
	}
	return kernel.ColumnSumScratch(tokens, size)
}

func linearGradientScratch(_ *Device, o op.LinearGradient, in []graph.Shape) int {
	l := op.LinearGradientInputsOf(o, in)
	tokens, size := l.X[0], l.Weight[0]
	return linearSumScratch(o, tokens, size) + tokens*size
}
