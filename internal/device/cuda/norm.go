package cuda

import (
	"cmp"

	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
	"uer/internal/op"
)

func bindNorm(b *binder, o op.Norm) compute {
	kernel := b.stored("norm")
	return func(r *run, out, in []operand, _ []bool) {
		n := op.NormInputsOf(o, in)
		rows, width := n.X.Shape[0], n.X.Shape[1]
		var sum driver.Pointer // [tokens, width]
		if o.Residual {
			if sum = out[2].At; sum == 0 {
				sum = r.activations(rows * width)
			}
		}
		stats := out[1].At // [tokens, 2]
		if stats == 0 {
			stats = r.floats(2 * rows)
		}
		d := dropout(r, o.Dropout, o.Site)
		r.launch(kernel, over(rows, 8), at(out[0]), pointer(sum), pointer(stats), at(n.X), at(n.Residual), at(n.Rows),
			at(n.Gamma), at(n.Beta), count(rows), count(width), count(int(o.Kind)), epsilon(o.Epsilon), d[0], d[1], d[2])
	}
}

func bindNormGradient(b *binder, o op.NormGradient) compute {
	kernel, partials, sums := b.stored("norm_gradient"), b.stored("norm_parameter_partials"), newColumnSums(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		n := op.NormGradientInputsOf(o, in)
		to, add := op.NormGradientOutputsOf(o, out), op.NormGradientOutputsOf(o, accumulate)
		rows, width := n.Sum.Shape[0], n.Sum.Shape[1]
		d := dropout(r, o.Dropout, o.Site)
		r.launch(kernel, over(rows, 8), at(to.X), at(to.Residual), at(n.DY), at(n.Sum), at(n.Stats), at(n.Rows), at(n.Gamma),
			count(rows), count(width), count(int(o.Kind)), epsilon(o.Epsilon), d[0], d[1], d[2], flag(add.X), flag(add.Residual))
		if !to.Gamma.wanted() && !to.Beta.wanted() {
			return
		}
		blocks, rowsOfBlock := kernels.RowBlocks(rows)
		both := r.floats(blocks * 2 * width) // [blocks, 2, width]
		if blocks > 0 {
			r.launch(partials, r.strips(width, blocks), pointer(both), at(n.DY), at(n.Sum), at(n.Stats),
				count(rows), count(width), count(rowsOfBlock), count(int(o.Kind)), epsilon(o.Epsilon))
		}
		if to.Gamma.wanted() {
			sums.second(r, to.Gamma.At, both, blocks, width, 2*width, add.Gamma)
		}
		if to.Beta.wanted() {
			sums.second(r, to.Beta.At, both+driver.Pointer(4*width), blocks, width, 2*width, add.Beta)
		}
	}
}

// epsilon passes that of a norm.
func epsilon(e float64) driver.Argument { return driver.Float32(float32(cmp.Or(e, op.NormEpsilon))) }
