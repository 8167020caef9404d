package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/graph"
	"uer/internal/op"
)

// filter is the parameters of one convolution, or their gradients.
type filter struct{ weight, bias, secondBias operand }

// convolution is the layer over the present batch.
type convolution struct {
	op.GatedConvolution
	x, starts operand
	filters   [2]filter // the convolution and the gate
	tokens    int
	sequences int
	input     int
	output    int
	window    int // elements that an output depends on
}

// convolutionOf describes the layer. The inputs are those of op.GatedConvolution.
func convolutionOf(o op.GatedConvolution, in []operand) convolution {
	c := convolution{GatedConvolution: o, x: in[0], starts: in[7], filters: filtersOf(in[1:7])}
	c.tokens, c.input, c.sequences = c.x.Shape[0], c.x.Shape[1], c.starts.Shape.Elements()-1
	c.output, c.window = in[1].Shape[0], o.Taps*c.x.Shape[1]
	return c
}

func filtersOf(list []operand) [2]filter {
	return [2]filter{{list[0], list[1], list[2]}, {list[3], list[4], list[5]}}
}

// part is the half of a matrix [tokens, 2·out] that belongs to a filter.
func (c *convolution) part(of driver.Pointer, filter int) driver.Matrix {
	return driver.Matrix{At: of + driver.Pointer(4*filter*c.output), Stride: 2 * c.output}
}

// windows makes the rows that outputs depend on [tokens, window].
func (c *convolution) windows(r *run, kernel *function) driver.Pointer {
	to := r.floats(c.tokens * c.window)
	r.launch(kernel, r.cells(c.tokens, c.window), pointer(to), at(c.x), at(c.starts), count(c.sequences), count(c.tokens),
		count(c.input), count(c.Taps), flag(c.TapsLast))
	return to
}

// gatedConvolutionSaved is both convolutions before the gate, side by side: [tokens, 2·out], or in bfloat16 with room for
// more columns.
func gatedConvolutionSaved(_ *binder, _ op.GatedConvolution, in []graph.Shape) int {
	return 2 * in[0][0] * padded(in[1][0])
}

func bindGatedConvolution(b *binder, o op.GatedConvolution) compute {
	if b.device.activations == graph.BFloat16 {
		return bindPaddedConvolution(b, o)
	}
	windows, add, gate := b.stored("convolution_windows"), b.kernel("add_float"), b.stored("convolution_gate")
	return func(r *run, out, in []operand, _ []bool) {
		c := convolutionOf(o, in)
		sums := out[1].At // [tokens, 2·out]
		if sums == 0 {
			sums = r.floats(2 * c.tokens * c.output)
		}
		window, bias := c.windows(r, windows), r.floats(c.output)
		for i, f := range c.filters {
			r.launch(add, over(c.output, 1024), pointer(bias), at(f.bias), at(f.secondBias), elements(c.output))
			r.multiply(toFloat, driver.Product{
				M: c.tokens, N: c.output, K: c.window, A: driver.Matrix{At: window},
				B: driver.Matrix{At: f.weight.At, Transposed: true}, D: c.part(sums, i), Bias: bias,
			})
		}
		r.launch(gate, r.cells(c.tokens, c.output), at(out[0]), pointer(sums), count(c.tokens), count(c.output))
	}
}

func bindGatedConvolutionGradient(b *binder, o op.GatedConvolutionGradient) compute {
	if b.device.activations == graph.BFloat16 {
		return bindPaddedConvolutionGradient(b, o)
	}
	windows, gate := b.stored("convolution_windows"), b.stored("convolution_gate_gradient")
	back, columns := b.stored("convolution_windows_gradient"), newColumnSums(b)
	return func(r *run, out, in []operand, accumulate []bool) {
		sums, dy := in[0], in[1]
		c := convolutionOf(op.GatedConvolution(o), in[2:])
		dsums, window := r.floats(2*c.tokens*c.output), c.windows(r, windows) // [tokens, 2·out], [tokens, window]
		r.launch(gate, r.cells(c.tokens, c.output), pointer(dsums), at(dy), at(sums), count(c.tokens), count(c.output))
		var dwindows driver.Pointer // [tokens, window]
		if out[0].wanted() {
			dwindows = r.floats(c.tokens * c.window)
		}
		for i, to := range filtersOf(out[1:]) {
			ds, add := c.part(dsums, i), accumulate[1+3*i:]
			if to.weight.wanted() {
				r.multiply(toFloat, driver.Product{
					M: c.output, N: c.window, K: c.tokens, A: driver.Matrix{At: ds.At, Stride: ds.Stride, Transposed: true},
					B: driver.Matrix{At: window}, D: driver.Matrix{At: to.weight.At}, Beta: beta(add[0]),
				})
			}
			p := columns.first(r, ds.At, c.tokens, c.output, ds.Stride)
			for j, bias := range []operand{to.bias, to.secondBias} {
				if bias.wanted() {
					r.sum(bias.At, p, 0, c.output, add[1+j])
				}
			}
			if out[0].wanted() {
				r.multiply(toFloat, driver.Product{
					M: c.tokens, N: c.window, K: c.output, A: ds, B: driver.Matrix{At: c.filters[i].weight.At},
					D: driver.Matrix{At: dwindows}, Beta: beta(i > 0),
				})
			}
		}
		if out[0].wanted() {
			r.launch(back, r.cells(c.tokens, c.input), at(out[0]), pointer(dwindows), at(c.starts), count(c.sequences),
				count(c.tokens), count(c.input), count(c.Taps), flag(c.TapsLast), flag(accumulate[0]))
		}
	}
}
