package cuda

import (
	"cmp"

	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
	"uer/internal/graph"
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
	kernel := b.stored("norm_gradient")
	var partials *function // where the kernel does not begin the sums for the gradients of the parameters itself
	if b.device.activations == graph.Float32 {
		partials = b.kernel("norm_parameter_partials_float")
	}
	return func(r *run, out, in []operand, accumulate []bool) {
		n := op.NormGradientInputsOf(o, in)
		to, add := op.NormGradientOutputsOf(o, out), op.NormGradientOutputsOf(o, accumulate)
		rows, width := n.Sum.Shape[0], n.Sum.Shape[1]
		blocks, rowsOfBlock := kernels.NormBlocks(rows)
		most := kernels.MostNormBlocks(rows)
		if partials != nil {
			blocks, rowsOfBlock = kernels.RowBlocks(rows)
			most = kernels.MostRowBlocks(rows)
		}
		var both partialSums // [blocks, 2, width], for γ and β
		wanted := to.Gamma.wanted() || to.Beta.wanted()
		if wanted {
			both = r.partialSums(blocks, most, 2*width)
		}
		d := dropout(r, o.Dropout, o.Site)
		if partials == nil {
			r.launch(kernel, driver.Dim{blocks, 1, 1}, at(to.X), at(to.Residual), pointer(both.at), at(n.DY), at(n.Sum), at(n.Stats),
				at(n.Rows), at(n.Gamma), count(rows), count(width), count(rowsOfBlock), count(int(o.Kind)), epsilon(o.Epsilon),
				d[0], d[1], d[2], flag(add.X), flag(add.Residual))
		} else {
			r.launch(kernel, over(rows, 8), at(to.X), at(to.Residual), at(n.DY), at(n.Sum), at(n.Stats), at(n.Rows), at(n.Gamma),
				count(rows), count(width), count(int(o.Kind)), epsilon(o.Epsilon), d[0], d[1], d[2], flag(add.X), flag(add.Residual))
			if wanted && blocks > 0 {
				r.launch(partials, driver.Dim{(width + 127) / 128, blocks, 1}, pointer(both.at), at(n.DY), at(n.Sum), at(n.Stats),
					count(rows), count(width), count(rowsOfBlock), count(int(o.Kind)), epsilon(o.Epsilon))
			}
		}
		if to.Gamma.wanted() {
			r.sum(to.Gamma.At, both, 0, width, add.Gamma)
		}
		if to.Beta.wanted() {
			r.sum(to.Beta.At, both, width, width, add.Beta)
		}
	}
}

// epsilon passes that of a norm.
func epsilon(e float64) driver.Argument { return driver.Float32(float32(cmp.Or(e, op.NormEpsilon))) }
