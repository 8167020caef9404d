package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/op"
)

// paddedConvolution is a gated convolution in bfloat16. Rows of its matrices begin at multiples of 16 bytes, as tensor
// cores want them, and both filters are one matrix.
type paddedConvolution struct {
	convolution
	stride  int            // of a row of x in a window
	columns int            // of a filter's outputs
	row     int            // elements of a window
	window  driver.Pointer // [tokens, row]
	weights driver.Pointer // [2·columns, row]
}

// padded rounds a number of elements up to a multiple of 16 bytes.
func padded(n int) int { return (n + 7) / 8 * 8 }

// columnBlocks is a grid of threads that have a column of eight rows each.
func columnBlocks(width, rows int) driver.Dim {
	return driver.Dim{over(width, 256)[0], (rows + 7) / 8, 1}
}

// paddedKernels make windows and weights.
type paddedKernels struct{ windows, weights *function }

func newPaddedKernels(b *binder) paddedKernels {
	return paddedKernels{b.kernel("convolution_windows_bf16"), b.kernel("convolution_weights_bf16")}
}

// convolution makes the factors of the products.
func (k paddedKernels) convolution(r *run, o op.GatedConvolution, in []operand) paddedConvolution {
	c := paddedConvolution{convolution: convolutionOf(o, in)}
	c.stride, c.columns = padded(c.input), padded(c.output)
	c.row = c.Taps * c.stride
	c.window, c.weights = r.activations(c.tokens*c.row), r.activations(2*c.columns*c.row)
	r.launch(k.windows, r.cells(c.tokens, c.row), pointer(c.window), at(c.x), at(c.starts), count(c.sequences), count(c.tokens),
		count(c.input), count(c.stride), count(c.Taps))
	r.launch(k.weights, r.cells(2*c.columns, c.row), pointer(c.weights), pointer(r.weight(c.filters[0].weight)),
		pointer(r.weight(c.filters[1].weight)), count(c.output), count(c.columns), count(c.input), count(c.stride), count(c.Taps),
		flag(c.TapsLast))
	return c
}

// gate are the arguments that gates and their gradients share, after the sums.
func (c *paddedConvolution) gate() []driver.Argument {
	a, g := c.filters[0], c.filters[1]
	return []driver.Argument{
		at(a.bias), at(a.secondBias), at(g.bias), at(g.secondBias), count(c.tokens), count(c.output), count(c.columns),
	}
}

func bindPaddedConvolution(b *binder, o op.GatedConvolution) compute {
	factors, gate := newPaddedKernels(b), b.kernel("convolution_gate_bf16")
	return func(r *run, out, in []operand, _ []bool) {
		c := factors.convolution(r, o, in)
		sums := out[1].At // [tokens, 2·columns]
		if sums == 0 {
			sums = r.activations(2 * c.tokens * c.columns)
		}
		r.multiply(toActivations, driver.Product{
			M: c.tokens, N: 2 * c.columns, K: c.row, A: driver.Matrix{At: c.window},
			B: driver.Matrix{At: c.weights, Transposed: true}, D: driver.Matrix{At: sums},
		})
		r.launch(gate, columnBlocks(c.output, c.tokens), append([]driver.Argument{at(out[0]), pointer(sums)}, c.gate()...)...)
	}
}

func bindPaddedConvolutionGradient(b *binder, o op.GatedConvolutionGradient) compute {
	factors, gate, back := newPaddedKernels(b), b.kernel("convolution_gate_gradient_bf16"), b.kernel("convolution_windows_gradient_bf16")
	weights, columns := b.kernel("convolution_weights_gradient"), newColumnSums(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		sums, dy := in[0], in[1]
		c := factors.convolution(r, op.GatedConvolution(o), in[2:])
		to := filtersOf(out[1:])
		dsums := r.activations(2 * c.tokens * c.columns)
		r.launch(gate, columnBlocks(c.columns, c.tokens), append([]driver.Argument{pointer(dsums), at(dy), at(sums)}, c.gate()...)...)
		if to[0].weight.wanted() || to[1].weight.wanted() {
			dweights := r.floats(2 * c.columns * c.row)
			r.multiply(toFloat, driver.Product{
				M: 2 * c.columns, N: c.row, K: c.tokens, A: driver.Matrix{At: dsums, Transposed: true},
				B: driver.Matrix{At: c.window}, D: driver.Matrix{At: dweights},
			})
			r.launch(weights, driver.Dim{over(c.Taps*c.input, 256)[0], 2 * c.output, 1},
				at(to[0].weight), at(to[1].weight), pointer(dweights), count(c.output), count(c.columns),
				count(c.input), count(c.stride), count(c.Taps), flag(c.TapsLast), flag(accumulate[1]), flag(accumulate[4]))
		}
		p := columns.first(r, dsums, c.tokens, 2*c.columns, 2*c.columns)
		for i, f := range to {
			for j, bias := range []operand{f.bias, f.secondBias} {
				if bias.wanted() {
					r.sum(bias.At, p, i*c.columns, c.output, accumulate[2+3*i+j])
				}
			}
		}
		if out[0].wanted() {
			dwindows := r.activations(c.tokens * c.row)
			r.multiply(toActivations, driver.Product{
				M: c.tokens, N: c.row, K: 2 * c.columns, A: driver.Matrix{At: dsums}, B: driver.Matrix{At: c.weights},
				D: driver.Matrix{At: dwindows},
			})
			r.launch(back, columnBlocks(c.input, c.tokens), at(out[0]), pointer(dwindows), at(c.starts), count(c.sequences),
				count(c.tokens), count(c.input), count(c.stride), count(c.Taps), flag(accumulate[0]))
		}
	}
}
