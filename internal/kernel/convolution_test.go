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
	*GatedConvolution
	name            string
	x, dy, y, saved []float32
	to              GatedConvolutionGradients
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
	like := func() FilterGradients {
		return FilterGradients{Filter: Filter{make([]float32, output*input*taps), make([]float32, output), make([]float32, output)}}
	}
	g := &GatedConvolution{Input: input, Output: output, Taps: taps, TapsLast: tapsLast, Starts: offsets(lengths), Convolution: filter(), Gate: filter()}
	tokens := int(g.Starts[len(lengths)])
	return &convolutionRun{
		GatedConvolution: g, name: fmt.Sprintf("%d to %d, %d taps, last %v", input, output, taps, tapsLast),
		x: normal(rng, tokens*input), dy: normal(rng, tokens*output), y: make([]float32, tokens*output),
		saved: make([]float32, GatedConvolutionSaved(g, tokens)),
		to:    GatedConvolutionGradients{X: make([]float32, tokens*input), Convolution: like(), Gate: like()},
	}
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
	tokens := int(r.Starts[len(r.Starts)-1])
	g := r.GatedConvolution
	cpu.GatedConvolutionForward(g, r.y, r.saved, r.x, make([]float32, GatedConvolutionScratch(g, tokens, false)))
	cpu.GatedConvolutionBackward(g, &r.to, r.dy, r.saved, r.x, make([]float32, GatedConvolutionScratch(g, tokens, true)))
}

// inputs are what the result depends on, gradients the gradients, both by name.
func (r *convolutionRun) inputs() map[string][]float32 {
	return r.byName(r.x, r.Convolution, r.Gate)
}

func (r *convolutionRun) gradients() map[string][]float32 {
	return r.byName(r.to.X, r.to.Convolution.Filter, r.to.Gate.Filter)
}

func (r *convolutionRun) byName(x []float32, convolution, gate Filter) map[string][]float32 {
	return map[string][]float32{"x": x, "weight": convolution.Weight, "bias": convolution.Bias, "second bias": convolution.SecondBias,
		"gate weight": gate.Weight, "gate bias": gate.Bias, "second gate bias": gate.SecondBias}
}

// naive is the layer by its definition, in float64.
func (r *convolutionRun) naive(in map[string][]float64) []float64 {
	y := make([]float64, len(r.y))
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
		for _, set := range InstructionSets() {
			r := convolutionRuns()[i]
			r.run(newTestCPU(t, set, 2))
			in := map[string][]float64{}
			for name, x := range r.inputs() {
				in[name] = widen(x)
			}
			requireNear(t, set+", "+r.name+": y", r.y, r.naive(in), 1e-6)
			loss := func() float64 {
				sum := 0.0
				for i, y := range r.naive(in) {
					sum += y * float64(r.dy[i])
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
	for _, set := range InstructionSets() {
		for i, one := range convolutionRuns() {
			one.run(newTestCPU(t, set, 1))
			for _, threads := range []int{2, 5} {
				r := convolutionRuns()[i]
				r.run(newTestCPU(t, set, threads))
				if !slices.Equal(r.y, one.y) {
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
		r.to.AccumulateX = true
		for _, f := range []*FilterGradients{&r.to.Convolution, &r.to.Gate} {
			f.Accumulate.Weight, f.Accumulate.Bias, f.Accumulate.SecondBias = true, true, true
		}
		r.run(cpu)
		for name, x := range r.gradients() {
			requireNear(t, r.name+": gradient of "+name, x, want[name], 1e-6)
		}
	}
}

// BenchmarkGatedConvolution reports the rate of multiplications and additions of the products, and its share of what the
// threads reach in a loop of nothing else. Backward has twice the products of forward.
func BenchmarkGatedConvolution(b *testing.B) {
	for _, threads := range []int{1, 2} {
		cpu, err := New(threads)
		if err != nil {
			b.Fatal(err)
		}
		defer cpu.Close()
		limit := measureLimit(cpu, Float32)
		lengths := slices.Repeat([]int32{128}, 16)
		r := newConvolutionRun(807, 807, 4, true, lengths...)
		g, tokens := r.GatedConvolution, int(r.Starts[len(lengths)])
		scratch := make([]float32, GatedConvolutionScratch(g, tokens, true))
		report := func(b *testing.B, passes int) {
			rate := float64(passes*4*tokens*g.Input*g.Output*g.Taps) * float64(b.N) / b.Elapsed().Seconds() / 1e9
			b.ReportMetric(rate, "GFLOP/s")
			b.ReportMetric(rate/limit, "of-limit")
		}
		b.Run(fmt.Sprintf("forward/threads=%d", threads), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				cpu.GatedConvolutionForward(g, r.y, r.saved, r.x, scratch)
			}
			report(b, 1)
		})
		b.Run(fmt.Sprintf("backward/threads=%d", threads), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				cpu.GatedConvolutionBackward(g, &r.to, r.dy, r.saved, r.x, scratch)
			}
			report(b, 2)
		})
	}
}
