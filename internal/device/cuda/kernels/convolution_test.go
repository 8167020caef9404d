//go:build gpu

package kernels

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"uer/internal/kernel"
)

func TestGatedConvolution(t *testing.T) {
	for _, starts := range raggedStarts {
		for _, size := range [][3]int{{1, 1, 1}, {3, 4, 2}, {8, 5, 3}, {5, 9, 4}} {
			for _, tapsLast := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v, %v, taps last %v", starts, size, tapsLast), func(t *testing.T) {
					testGatedConvolution(t, starts, size[0], size[1], size[2], tapsLast)
					testGatedConvolutionBFloat16(t, starts, size[0], size[1], size[2], tapsLast)
				})
			}
		}
	}
}

// convolve computes a gated convolution and its gradients on the CPU, from numbers that can be stored.
func convolve(t *testing.T, starts []int32, input, output, taps int, tapsLast bool, stored func([]float32) []float32) *kernel.GatedConvolutionGradient {
	t.Helper()
	cpu, tokens, window := newCPU(t), int(starts[len(starts)-1]), taps*input
	filter := func(seed uint64) kernel.Filter {
		return kernel.Filter{Weight: stored(random(seed, output*window)), Bias: random(seed+1, output), SecondBias: random(seed+2, output)}
	}
	g := kernel.GatedConvolution{
		Input: input, Output: output, Taps: taps, Starts: starts, TapsLast: tapsLast, Convolution: filter(10), Gate: filter(20),
	}
	g.X, g.Y, g.Saved = kernel.Floats(stored(random(1, tokens*input))), kernel.Floats(unset(tokens*output)), kernel.Floats(unset(2*tokens*output))
	g.Scratch = make([]float32, g.ScratchSize())
	cpu.GatedConvolutionForward(&g)
	gradient := func() kernel.FilterGradient {
		return kernel.FilterGradient{
			Weight: kernel.Output{To: kernel.Floats(unset(output * window))}, Bias: kernel.Output{To: kernel.Floats(unset(output))}, SecondBias: kernel.Output{To: kernel.Floats(unset(output))},
		}
	}
	want := &kernel.GatedConvolutionGradient{
		GatedConvolution: g, DY: kernel.Floats(stored(random(2, tokens*output))), DX: kernel.Output{To: kernel.Floats(stored(random(5, tokens*input))), Accumulate: true},
		DConvolution: gradient(), DGate: gradient(),
	}
	want.Scratch = make([]float32, want.ScratchSize())
	cpu.GatedConvolutionBackward(want)
	return want
}

func testGatedConvolution(t *testing.T, starts []int32, input, output, taps int, tapsLast bool) {
	want := convolve(t, starts, input, output, taps, tapsLast, func(x []float32) []float32 { return x })
	g, sequences := want.GatedConvolution, len(starts)-1
	tokens, window, width := int(starts[sequences]), taps*input, 2*output

	product := func(c, a, b, bias []float32, m, n, k, strideC, strideA int, transposeA, transposeB, accumulate bool) {
		strideB := n
		if transposeB {
			strideB = k
		}
		launch(t, "product_float", grid{ceilDivide(n, 64), ceilDivide(m, 64)}, c, a, b, optional(bias), m, n, k,
			strideC, strideA, strideB, transposeA, transposeB, accumulate)
	}
	windows, sums, y := unset(tokens*window), unset(tokens*width), unset(tokens*output)
	launch(t, "convolution_windows_float", cellGrid(tokens, window), windows, g.X.Floats, starts, sequences, tokens, input, taps, tapsLast)
	filters := []kernel.Filter{g.Convolution, g.Gate}
	for i, f := range filters {
		bias := unset(output)
		launch(t, "add_float", flatGrid(output), bias, f.Bias, f.SecondBias, output)
		product(sums[i*output:], windows, f.Weight, bias, tokens, output, window, width, window, false, true, false)
	}
	launch(t, "convolution_gate_float", cellGrid(tokens, output), y, sums, tokens, output)
	compareWithin(t, "sums", sums, doubles(g.Saved.Floats), 1e-5)
	compareWithin(t, "y", y, doubles(g.Y.Floats), 1e-5)

	dsums, dwindows, dx := unset(tokens*width), unset(tokens*window), random(5, tokens*input)
	launch(t, "convolution_gate_gradient_float", cellGrid(tokens, output), dsums, want.DY.Floats, sums, tokens, output)
	dbias := unset(width)
	columnSums(t, dbias, dsums, tokens, width, width, false)
	for i, f := range filters {
		dweight, wants := unset(output*window), []kernel.FilterGradient{want.DConvolution, want.DGate}[i]
		product(dweight, dsums[i*output:], windows, nil, output, window, tokens, window, width, true, false, false)
		product(dwindows, dsums[i*output:], f.Weight, nil, tokens, window, output, window, width, false, false, i > 0)
		compareWithin(t, "gradient of a weight", dweight, doubles(wants.Weight.To.Floats), 5e-5)
		compareWithin(t, "gradient of a bias", dbias[i*output:(i+1)*output], doubles(wants.Bias.To.Floats), 5e-5)
	}
	launch(t, "convolution_windows_gradient_float", cellGrid(tokens, input), dx, dwindows, starts, sequences, tokens, input, taps, tapsLast, true)
	compareWithin(t, "gradient of x", dx, doubles(want.DX.To.Floats), 5e-5)
}

func testGatedConvolutionBFloat16(t *testing.T, starts []int32, input, output, taps int, tapsLast bool) {
	want := convolve(t, starts, input, output, taps, tapsLast, func(x []float32) []float32 { return wholes(halves(x)) })
	g, sequences := want.GatedConvolution, len(starts)-1
	tokens, stride, columns := int(starts[sequences]), 8*ceilDivide(input, 8), 8*ceilDivide(output, 8)
	window, width := taps*stride, 2*columns
	cells := func(rows, width int) grid { return grid{ceilDivide(rows*ceilDivide(width, 8), 256)} }
	columnsOf := func(width, rows int) grid { return grid{ceilDivide(width, 256), rows} }
	multiply := func(m, n, k int, a, b []uint16, strideA, strideB int, transposeA, transposeB bool) []float32 {
		c := unset(m * n)
		launch(t, "product_float", grid{ceilDivide(n, 64), ceilDivide(m, 64)}, c, wholes(a), wholes(b), nil, m, n, k,
			n, strideA, strideB, transposeA, transposeB, false)
		return c
	}
	compare := func(what string, got, want []float32) {
		t.Helper()
		largest := 1.0
		for _, w := range want {
			largest = max(largest, math.Abs(float64(w)))
		}
		compareWithin(t, what, got, doubles(want), 1e-2*largest)
	}
	windows, weights, y := unsetHalves(tokens*window), unsetHalves(width*window), unsetHalves(tokens*output)
	launch(t, "convolution_windows_bf16", cells(tokens, window), windows, halves(g.X.Floats), starts, sequences, tokens, input, stride, taps)
	launch(t, "convolution_weights_bf16", cells(width, window), weights, halves(g.Convolution.Weight), halves(g.Gate.Weight),
		output, columns, input, stride, taps, tapsLast)
	sums := halves(multiply(tokens, width, window, windows, weights, window, window, false, true))
	biases := []any{g.Convolution.Bias, g.Convolution.SecondBias, g.Gate.Bias, g.Gate.SecondBias}
	launch(t, "convolution_gate_bf16", columnsOf(output, ceilDivide(tokens, 8)),
		slices.Concat([]any{y, sums}, biases, []any{tokens, output, columns})...)
	compare("y", wholes(y), g.Y.Floats)

	dsums, dx := unsetHalves(tokens*width), halves(random(5, tokens*input))
	launch(t, "convolution_gate_gradient_bf16", columnsOf(columns, ceilDivide(tokens, 8)),
		slices.Concat([]any{dsums, halves(want.DY.Floats), sums}, biases, []any{tokens, output, columns})...)
	dwindows := halves(multiply(tokens, window, width, dsums, weights, width, window, false, false))
	launch(t, "convolution_windows_gradient_bf16", columnsOf(input, ceilDivide(tokens, 8)), dx, dwindows, starts, sequences, tokens, input, stride, taps, true)
	compare("gradient of x", wholes(dx), want.DX.To.Floats)
	padded := multiply(width, window, tokens, dsums, windows, width, window, true, false)
	dweights := [2][]float32{random(6, output*taps*input), unset(output * taps * input)}
	more := slices.Clone(dweights[0])
	launch(t, "convolution_weights_gradient", columnsOf(taps*input, 2*output), dweights[0], dweights[1], padded, output, columns,
		input, stride, taps, tapsLast, true, false)
	for i := range more {
		more[i] += want.DConvolution.Weight.To.Floats[i]
	}
	compare("gradient of a weight", dweights[0], more)
	compare("gradient of a weight", dweights[1], want.DGate.Weight.To.Floats)
	again := slices.Clone(dweights[1])
	launch(t, "convolution_weights_gradient", columnsOf(taps*input, 2*output), nil, again, padded, output, columns,
		input, stride, taps, tapsLast, false, false)
	if !slices.Equal(again, dweights[1]) {
		t.Error("the gradient of the second weight depends on whether that of the first is wanted")
	}
	dbias := unset(width)
	columnSums(t, dbias, wholes(dsums), tokens, width, width, false)
	for i, w := range []kernel.FilterGradient{want.DConvolution, want.DGate} {
		compare("gradient of a bias", dbias[i*columns:][:output], w.Bias.To.Floats)
	}
}
