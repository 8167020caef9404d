//go:build gpu

package kernels

import (
	"fmt"
	"testing"

	"uer/internal/kernel"
)

func TestGatedConvolution(t *testing.T) {
	for _, starts := range raggedStarts {
		for _, size := range [][3]int{{1, 1, 1}, {3, 4, 2}, {8, 5, 3}, {5, 9, 4}} {
			for _, tapsLast := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v, %v, taps last %v", starts, size, tapsLast), func(t *testing.T) {
					testGatedConvolution(t, starts, size[0], size[1], size[2], tapsLast)
				})
			}
		}
	}
}

func testGatedConvolution(t *testing.T, starts []int32, input, output, taps int, tapsLast bool) {
	cpu, sequences := newCPU(t), len(starts)-1
	tokens, window, width := int(starts[sequences]), taps*input, 2*output
	filter := func(seed uint64) kernel.Filter {
		return kernel.Filter{Weight: random(seed, output*window), Bias: random(seed+1, output), SecondBias: random(seed+2, output)}
	}
	g := kernel.GatedConvolution{
		Input: input, Output: output, Taps: taps, Starts: starts, TapsLast: tapsLast, Convolution: filter(10), Gate: filter(20),
	}
	g.X, g.Y, g.Saved = random(1, tokens*input), unset(tokens*output), unset(tokens*width)
	g.Scratch = make([]float32, g.ScratchSize())
	cpu.GatedConvolutionForward(&g)
	gradient := func() kernel.FilterGradient {
		return kernel.FilterGradient{
			Weight: kernel.Output{To: unset(output * window)}, Bias: kernel.Output{To: unset(output)}, SecondBias: kernel.Output{To: unset(output)},
		}
	}
	want := kernel.GatedConvolutionGradient{
		GatedConvolution: g, DY: random(2, tokens*output), DX: kernel.Output{To: random(5, tokens*input), Accumulate: true},
		DConvolution: gradient(), DGate: gradient(),
	}
	want.Scratch = make([]float32, want.ScratchSize())
	cpu.GatedConvolutionBackward(&want)

	product := func(c, a, b, bias []float32, m, n, k, strideC, strideA int, transposeA, transposeB, accumulate bool) {
		strideB := n
		if transposeB {
			strideB = k
		}
		launch(t, "product_float", grid{ceilDivide(n, 64), ceilDivide(m, 64)}, c, a, b, optional(bias), m, n, k,
			strideC, strideA, strideB, transposeA, transposeB, accumulate)
	}
	windows, sums, y := unset(tokens*window), unset(tokens*width), unset(tokens*output)
	launch(t, "convolution_windows_float", cellGrid(tokens, window), windows, g.X, starts, sequences, tokens, input, taps, tapsLast)
	filters := []kernel.Filter{g.Convolution, g.Gate}
	for i, f := range filters {
		bias := unset(output)
		launch(t, "add_float", flatGrid(output), bias, f.Bias, f.SecondBias, output)
		product(sums[i*output:], windows, f.Weight, bias, tokens, output, window, width, window, false, true, false)
	}
	launch(t, "convolution_gate_float", cellGrid(tokens, output), y, sums, tokens, output)
	compareWithin(t, "sums", sums, doubles(g.Saved), 1e-5)
	compareWithin(t, "y", y, doubles(g.Y), 1e-5)

	dsums, dwindows, dx := unset(tokens*width), unset(tokens*window), random(5, tokens*input)
	launch(t, "convolution_gate_gradient_float", cellGrid(tokens, output), dsums, want.DY, sums, tokens, output)
	dbias := unset(width)
	columnSums(t, dbias, dsums, tokens, width, width, false)
	for i, f := range filters {
		dweight, wants := unset(output*window), []kernel.FilterGradient{want.DConvolution, want.DGate}[i]
		product(dweight, dsums[i*output:], windows, nil, output, window, tokens, window, width, true, false, false)
		product(dwindows, dsums[i*output:], f.Weight, nil, tokens, window, output, window, width, false, false, i > 0)
		compareWithin(t, "gradient of a weight", dweight, doubles(wants.Weight.To), 5e-5)
		compareWithin(t, "gradient of a bias", dbias[i*output:(i+1)*output], doubles(wants.Bias.To), 5e-5)
	}
	launch(t, "convolution_windows_gradient_float", cellGrid(tokens, input), dx, dwindows, starts, sequences, tokens, input, taps, tapsLast, true)
	compareWithin(t, "gradient of x", dx, doubles(want.DX.To), 5e-5)
}
