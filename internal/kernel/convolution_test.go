package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// convolutionRun is a gated convolution with its operands, inputs and outputs.
type convolutionRun struct {
	GatedConvolutionGradient
	name string
}

func newConvolutionRun(input, output, taps int, tapsLast bool, lengths ...int32) *convolutionRun {
	rng := rand.New(rand.NewPCG(11, uint64(output)))
	filter := func() Filter {
		f := Filter{normal(rng, output*input*taps), normal(rng, output), normal(rng, output)}
		for i := range f.Weight {
			f.Weight[i] *= float32(1 / math.Sqrt(float64(input*taps)))
		}
		return f
	}
	zeros := func(n int) Output { return Output{To: Floats(make([]float32, n))} }
	like := func() FilterGradient {
		return FilterGradient{zeros(output * input * taps), zeros(output), zeros(output)}
	}
	r := &convolutionRun{name: fmt.Sprintf("%d to %d, %d taps, last %v", input, output, taps, tapsLast)}
	r.GatedConvolution = GatedConvolution{Input: input, Output: output, Taps: taps, TapsLast: tapsLast, Starts: offsets(lengths),
		Convolution: filter(), Gate: filter()}
	tokens := r.tokens()
	r.X, r.DY, r.Y = Floats(normal(rng, tokens*input)), Floats(normal(rng, tokens*output)), Floats(make([]float32, tokens*output))
	r.Saved = Floats(make([]float32, GatedConvolutionSaved(&r.GatedConvolution, tokens)))
	r.DX, r.DConvolution, r.DGate = zeros(tokens*input), like(), like()
	return r
}

func convolutionRuns() []*convolutionRun {
	return []*convolutionRun{
		newConvolutionRun(3, 5, 4, true, 7, 1, 0, 3, 2),
		newConvolutionRun(3, 5, 4, false, 7, 1, 0, 3, 2),
		newConvolutionRun(6, 4, 1, true, 3, 3),
		newConvolutionRun(2, 17, 3, true, 0, 1),
		newConvolutionRun(33, 20, 4, true, 9, 12, 5),
		newConvolutionRun(3, 4, 2, true, 70, 33),
		// Several blocks of K: of a window, of what depends on a token, of the tokens.
		newConvolutionRun(160, 3, 5, true, 2, 6),
		newConvolutionRun(160, 3, 5, false, 2, 6),
		newConvolutionRun(2, 100, 4, true, 6, 2, 1),
		newConvolutionRun(2, 2, 2, true, 5, 780),
	}
}

func (r *convolutionRun) run(cpu *CPU) {
	r.Scratch = make([]float32, r.GatedConvolution.ScratchSize())
	cpu.GatedConvolutionForward(&r.GatedConvolution)
	r.Scratch = make([]float32, r.ScratchSize())
	cpu.GatedConvolutionBackward(&r.GatedConvolutionGradient)
}

// inputs are what the result depends on, by name.
func (r *convolutionRun) inputs() map[string][]float32 {
	return map[string][]float32{"x": r.X.Floats,
		"weight": r.Convolution.Weight, "bias": r.Convolution.Bias, "second bias": r.Convolution.SecondBias,
		"gate weight": r.Gate.Weight, "gate bias": r.Gate.Bias, "second gate bias": r.Gate.SecondBias}
}

// outputs are the outputs of the inputs' gradients, by the names of the inputs, and gradients what was written there.
func (r *convolutionRun) outputs() map[string]*Output {
	return map[string]*Output{"x": &r.DX,
		"weight": &r.DConvolution.Weight, "bias": &r.DConvolution.Bias, "second bias": &r.DConvolution.SecondBias,
		"gate weight": &r.DGate.Weight, "gate bias": &r.DGate.Bias, "second gate bias": &r.DGate.SecondBias}
}

func (r *convolutionRun) gradients() map[string][]float32 {
	gradients := map[string][]float32{}
	for name, output := range r.outputs() {
		gradients[name] = output.To.Floats
	}
	return gradients
}

// naive is the layer by its definition, in float64.
func (r *convolutionRun) naive(in map[string][]float64) []float64 {
	y := make([]float64, len(r.Y.Floats))
	x, weight, gateWeight := in["x"], in["weight"], in["gate weight"]
	for s := range len(r.Starts) - 1 {
		for t := int(r.Starts[s]); t < int(r.Starts[s+1]); t++ {
			for o := range r.Output {
				a, g := in["bias"][o]+in["second bias"][o], in["gate bias"][o]+in["second gate bias"][o]
				for tap := range r.Taps {
					for i := range r.Input {
						from := t - (r.Taps - 1) + tap
						if from < int(r.Starts[s]) {
							continue
						}
						w := (o*r.Taps+tap)*r.Input + i
						if r.TapsLast {
							w = (o*r.Input+i)*r.Taps + tap
						}
						a += weight[w] * x[from*r.Input+i]
						g += gateWeight[w] * x[from*r.Input+i]
					}
				}
				y[t*r.Output+o] = a * sigmoid(g)
			}
		}
	}
	return y
}

func TestGatedConvolutionAgreesWithTheDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range convolutionRuns() {
		for _, set := range testedSets() {
			r := convolutionRuns()[i]
			r.run(newTestCPU(t, set, 2))
			in := map[string][]float64{}
			for name, x := range r.inputs() {
				in[name] = widen(x)
			}
			requireNear(t, set+", "+r.name+": y", r.Y.Floats, r.naive(in), 1e-6)
			loss := func() float64 {
				sum := 0.0
				for i, y := range r.naive(in) {
					sum += y * float64(r.DY.Floats[i])
				}
				return sum
			}
			for name, gradient := range r.gradients() {
				for range 3 {
					i := rng.IntN(len(gradient))
					requireSlope(t, set+", "+r.name+": gradient of "+name, loss, &in[name][i], float64(gradient[i]))
				}
			}
		}
	}
}

func TestGatedConvolutionDoesNotDependOnThreads(t *testing.T) {
	for _, set := range testedSets() {
		for i, one := range convolutionRuns() {
			one.run(newTestCPU(t, set, 1))
			for _, threads := range testedThreads() {
				r := convolutionRuns()[i]
				r.run(newTestCPU(t, set, threads))
				if !slices.Equal(r.Y.Floats, one.Y.Floats) {
					t.Errorf("%s, %s: y differs between 1 and %d threads", set, r.name, threads)
				}
				for name, want := range one.gradients() {
					if !slices.Equal(r.gradients()[name], want) {
						t.Errorf("%s, %s: gradient of %s differs between 1 and %d threads", set, r.name, name, threads)
					}
				}
			}
		}
	}
}

func TestGatedConvolutionBackwardAccumulates(t *testing.T) {
	cpu := newTestCPU(t, InstructionSets()[0], 2)
	for _, r := range convolutionRuns() {
		r.run(cpu)
		want := map[string][]float64{}
		for name, x := range r.gradients() {
			want[name] = widen(x)
			for i := range want[name] {
				want[name][i] *= 2
			}
		}
		for _, output := range r.outputs() {
			output.Accumulate = true
		}
		r.run(cpu)
		for name, x := range r.gradients() {
			requireNear(t, r.name+": gradient of "+name, x, want[name], 1e-6)
		}
	}
}

// TestGatedConvolutionOfHalves: a layer on arrays in bfloat16 is that on the same numbers in float32, its results rounded once,
// also where they are added to others.
func TestGatedConvolutionOfHalves(t *testing.T) {
	for _, set := range testedSets() {
		c := newTestCPU(t, set, 2)
		for i, half := range convolutionRuns() {
			exact := convolutionRuns()[i]
			half.Precision, exact.Precision = BFloat16, BFloat16
			for _, x := range []struct{ half, exact *Array }{{&half.X, &exact.X}, {&half.DY, &exact.DY}, {&half.Y, &exact.Y}, {&half.Saved, &exact.Saved}} {
				*x.half = rounded(x.exact.Floats)
				*x.exact = Floats(widened(*x.half))
			}
			dx := rounded(random(9, half.X.Len()))
			half.DX, half.DConvolution.Weight.Accumulate = Output{To: Halves(slices.Clone(dx.Halves)), Accumulate: true}, true
			exact.DConvolution.Weight.Accumulate = true
			half.run(c)
			exact.Scratch = make([]float32, exact.ScratchSize())
			c.GatedConvolutionForward(&exact.GatedConvolution)
			requireRounded(t, set+", "+half.name+": y", half.Y, exact.Y.Floats, nil)
			requireRounded(t, set+", "+half.name+": saved", half.Saved, exact.Saved.Floats, nil)
			exact.Saved = Floats(widened(half.Saved))
			c.GatedConvolutionBackward(&exact.GatedConvolutionGradient)
			requireRounded(t, set+", "+half.name+": dx", half.DX.To, exact.DX.To.Floats, widened(dx))
			for name, want := range exact.gradients() {
				if name != "x" && !slices.EqualFunc(half.gradients()[name], want, sameBits) {
					t.Errorf("%s, %s: the gradient of %s, which is float32, differs", set, half.name, name)
				}
			}
		}
	}
}

// BenchmarkGatedConvolution reports the rate of multiplications and additions of the products, and its share of what the
// threads reach in a loop of nothing else. Backward has twice the products of forward.
func BenchmarkGatedConvolution(b *testing.B) {
	for _, threads := range []int{1, 2} {
		cpu := newTestCPU(b, InstructionSets()[0], threads)
		lengths := slices.Repeat([]int32{128}, 16)
		r := newConvolutionRun(807, 807, 4, true, lengths...)
		r.Scratch = make([]float32, r.ScratchSize())
		measure := func(name string, passes int, run func()) {
			b.Run(fmt.Sprintf("%s/threads=%d", name, threads), func(b *testing.B) {
				benchmarkProducts(b, cpu, Float32, float64(passes*4*r.tokens()*r.Input*r.Output*r.Taps), run)
			})
		}
		measure("forward", 1, func() { cpu.GatedConvolutionForward(&r.GatedConvolution) })
		measure("backward", 2, func() { cpu.GatedConvolutionBackward(&r.GatedConvolutionGradient) })
	}
}
