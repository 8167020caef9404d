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
	if b.join != nil {
		return joinedLinearGradient(b, o)
	}
	activation, sums := b.stored("activation_gradient"), newColumnSums(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		l := op.LinearGradientInputsOf(o, in)
		tokens, width, size := l.X.Shape[0], l.X.Shape[1], l.Weight.Shape[0]
		wantsBias := o.Bias && out[2].wanted()
		dy := l.DY.At     // [tokens, out]
		var p partialSums // for db
		if o.Activation != op.Identity {
			dy = r.activations(tokens * size)
			blocks, rows := kernels.RowBlocks(tokens)
			if wantsBias {
				p, rows = r.rowSums(tokens, size)
			}
			if tokens > 0 {
				r.launch(activation, r.strips(size, blocks), pointer(dy), pointer(p.at), at(l.DY),
					at(l.PreActivation), count(tokens), count(size), count(rows), count(int(o.Activation)))
			}
		} else if wantsBias {
			p = sums.first(r, dy, tokens, size, size)
		}
		if out[0].wanted() { // dx = dy W
			r.multiply(toActivations, driver.Product{
				M: tokens, N: width, K: size, A: driver.Matrix{At: dy}, B: driver.Matrix{At: r.weight(l.Weight)},
				D: driver.Matrix{At: out[0].At}, Beta: beta(accumulate[0]),
			})
		}
		if out[1].wanted() { // dW = dyᵀ x
			r.multiply(toFloat, driver.Product{
				M: size, N: width, K: tokens, A: driver.Matrix{At: dy, Transposed: true}, B: driver.Matrix{At: l.X.At},
				D: driver.Matrix{At: out[1].At}, Beta: beta(accumulate[1]),
			})
		}
		if wantsBias {
			r.sum(out[2].At, p, 0, size, accumulate[2])
		}
	}
}

// joinedLinearGradient computes the gradients of all maps of a join in its first operation. Those of parameters lie as far
// apart as the parameters do.
func joinedLinearGradient(b *binder, o op.LinearGradient) compute {
	j, leads, sums := b.join, b.leads, newColumnSums(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		if !leads {
			return
		}
		l := op.LinearGradientInputsOf(o, in)
		tokens, width, size, columns := l.X.Shape[0], l.X.Shape[1], l.Weight.Shape[0], l.DY.Stride
		if out[0].wanted() { // dx = Σ dy W
			r.multiply(toActivations, driver.Product{
				M: tokens, N: width, K: columns, A: driver.Matrix{At: l.DY.matrix}, B: driver.Matrix{At: j.packedWeights.At},
				D: driver.Matrix{At: out[0].At}, Beta: beta(accumulate[0]),
			})
		}
		first := func(gradient operand, parameters *packed) driver.Pointer { // of the maps
			return gradient.At - driver.Pointer(4*j.number()*parameters.spacing)
		}
		r.multiply(toFloat, driver.Product{ // dW = dyᵀ x, of each map
			Batch: len(j.columns), M: size, N: width, K: tokens, B: driver.Matrix{At: l.X.At},
			A: driver.Matrix{At: l.DY.matrix, Stride: columns, Transposed: true, Next: size},
			D: driver.Matrix{At: first(out[1], j.packedWeights), Next: j.packedWeights.spacing}, Beta: beta(accumulate[1]),
		})
		if !o.Bias {
			return
		}
		p := sums.first(r, l.DY.matrix, tokens, columns, columns) // [blocks, maps·out]
		for i := range j.columns {
			to := first(out[2], j.packedBiases) + driver.Pointer(4*i*j.packedBiases.spacing)
			r.sum(to, p, i*size, size, accumulate[2])
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
