package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
	"uer/internal/op"
)

func bindLinear(b *binder, o op.Linear) compute {
	if b.join != nil {
		return joinedLinear(b.join, b.leads)
	}
	activation, dropoutAdd := b.stored("activation"), b.stored("dropout_add")
	return func(r *run, out, in []operand, _ []bool) {
		l := op.LinearInputsOf(o, in)
		tokens, width, size := l.X.Shape[0], l.X.Shape[1], l.Weight.Shape[0]
		// The product, the activation and the residual each write to the place of the next one's input, the last one to y.
		y := out[0].At
		sum, activated := y, y // [tokens, out]
		if o.Residual {
			activated = r.activations(tokens * size)
			sum = activated
		}
		if o.Activation != op.Identity {
			if sum = out[1].At; sum == 0 {
				sum = activated
			}
		}
		r.multiply(toActivations, driver.Product{ // x Wᵀ + b
			M: tokens, N: size, K: width, A: driver.Matrix{At: l.X.At}, B: driver.Matrix{At: r.weight(l.Weight), Transposed: true},
			D: driver.Matrix{At: sum}, Bias: r.weight(l.Bias),
		})
		if o.Activation != op.Identity {
			n := tokens * size
			r.launch(activation, r.spans(n), pointer(activated), pointer(sum), elements(n), count(int(o.Activation)))
		}
		if o.Residual {
			d := dropout(r, o.Dropout, o.Site)
			r.launch(dropoutAdd, r.cells(tokens, size), pointer(y), pointer(activated), at(l.Residual), at(l.Rows),
				count(tokens), count(size), d[0], d[1], d[2])
		}
	}
}

// joinedLinear computes all maps of a join in its first operation.
func joinedLinear(j *join, leads bool) compute {
	return func(r *run, out, in []operand, _ []bool) {
		if !leads {
			return
		}
		x := in[0]
		p := driver.Product{
			M: x.Shape[0], N: out[0].Stride, K: x.Shape[1], A: driver.Matrix{At: x.At},
			B: driver.Matrix{At: j.packedWeights.At, Transposed: true}, D: driver.Matrix{At: out[0].matrix},
		}
		if j.packedBiases != nil {
			p.Bias = j.packedBiases.At
		}
		r.multiply(toActivations, p)
	}
}

func bindLinearGradient(b *binder, o op.LinearGradient) compute {
	activation, sums, joined, leads := b.stored("activation_gradient"), newColumnSums(b), b.join, b.leads
	return func(r *run, out, in []operand, accumulate []bool) {
		l := op.LinearGradientInputsOf(o, in)
		tokens, width, size := l.X.Shape[0], l.X.Shape[1], l.Weight.Shape[0]
		blocks, rows := kernels.RowBlocks(tokens)
		wantsBias := o.Bias && out[2].wanted()
		dy, partials := driver.Matrix{At: l.DY.At, Stride: l.DY.Stride}, driver.Pointer(0) // [tokens, out], [blocks, out]
		if wantsBias {
			partials = r.floats(blocks * size)
		}
		if o.Activation != op.Identity {
			dy = driver.Matrix{At: r.activations(tokens * size), Stride: size}
			if tokens > 0 {
				r.launch(activation, r.strips(size, blocks), pointer(dy.At), pointer(partials), at(l.DY),
					at(l.PreActivation), count(tokens), count(size), count(rows), count(int(o.Activation)))
			}
		} else if wantsBias {
			sums.first(r, partials, dy.At, tokens, size, dy.Stride)
		}
		if out[0].wanted() && (joined == nil || leads) { // dx = dy W
			product := driver.Product{
				M: tokens, N: width, K: size, A: dy, B: driver.Matrix{At: r.weight(l.Weight)},
				D: driver.Matrix{At: out[0].At}, Beta: beta(accumulate[0]),
			}
			if leads {
				product.K, product.A.At, product.B.At = l.DY.Stride, l.DY.matrix, joined.packedWeights.At
			}
			r.multiply(toActivations, product)
		}
		if out[1].wanted() { // dW = dyᵀ x
			r.multiply(toFloat, driver.Product{
				M: size, N: width, K: tokens, A: driver.Matrix{At: dy.At, Stride: dy.Stride, Transposed: true}, B: driver.Matrix{At: l.X.At},
				D: driver.Matrix{At: out[1].At}, Beta: beta(accumulate[1]),
			})
		}
		if wantsBias {
			sums.second(r, out[2].At, partials, blocks, size, size, accumulate[2])
		}
	}
}

// beta is the factor of what a product is added to.
func beta(accumulate bool) float32 {
	if accumulate {
		return 1
	}
	return 0
}
