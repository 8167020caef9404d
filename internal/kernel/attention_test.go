package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// attentionCase is a batch; all sequences of operands are drawn from a fixed seed.
type attentionCase struct {
	name        string
	heads, size int
	lengths     []int32
	keyLengths  []int32 // nil for lengths
	causal      bool
	prefix      []int32
	visible     []int32
	bias        bool
	dropout     float32
	unscaled    bool
	precision   Precision
}

func attentionCases() []attentionCase {
	return []attentionCase{
		{name: "one token", heads: 1, size: 64, lengths: []int32{1}},
		{name: "odd lengths", heads: 2, size: 64, lengths: []int32{2, 33, 1}},
		{name: "one block more", heads: 1, size: 64, lengths: []int32{130}},
		{name: "whole blocks", heads: 1, size: 64, lengths: []int32{128}, dropout: 0.5},
		{name: "causal", heads: 2, size: 40, lengths: []int32{73, 33, 2, 1}, causal: true},
		{name: "long and causal", heads: 1, size: 16, lengths: []int32{130}, causal: true},
		{name: "prefix", heads: 2, size: 32, lengths: []int32{70, 33, 5}, causal: true, prefix: []int32{50, 33, 0}},
		{name: "padding", heads: 1, size: 64, lengths: []int32{70, 70, 70}, visible: []int32{65, 1, 0}},
		{name: "position bias", heads: 3, size: 16, lengths: []int32{9, 66, 31}, bias: true, unscaled: true},
		{name: "causal position bias", heads: 2, size: 16, lengths: []int32{9, 66, 31}, bias: true, causal: true},
		{name: "dropout", heads: 2, size: 64, lengths: []int32{49, 65, 3}, dropout: 0.3},
		{name: "dropout and everything", heads: 2, size: 20, lengths: []int32{49, 65, 3}, dropout: 0.1, causal: true,
			prefix: []int32{3, 20, 1}, bias: true},
		{name: "odd sizes", heads: 3, size: 5, lengths: []int32{7, 17, 100}},
		{name: "wide heads", heads: 1, size: 133, lengths: []int32{50, 13}, causal: true},
		{name: "empty sequences", heads: 2, size: 8, lengths: []int32{0, 3, 0, 4, 0}},
		{name: "other keys", heads: 2, size: 24, lengths: []int32{10, 3, 0, 60}, keyLengths: []int32{65, 1, 4, 20}},
	}
}

// attentionRun is a case with its operands, inputs and outputs.
type attentionRun struct{ AttentionGradient }

func newAttentionRun(c attentionCase) *attentionRun {
	rng := rand.New(rand.NewPCG(7, uint64(len(c.name))))
	a := Attention{Heads: c.heads, Size: c.size, Causal: c.causal, Prefix: c.prefix, Lengths: c.visible,
		Scale: float32(1 / math.Sqrt(float64(c.size))), Precision: c.precision}
	if c.unscaled {
		a.Scale = 1
	}
	a.Starts = offsets(c.lengths)
	a.MaxLength = int(slices.Max(c.lengths)) + 3
	tokens := int(a.Starts[len(c.lengths)])
	keys := tokens
	if c.keyLengths != nil {
		a.KeyStarts = offsets(c.keyLengths)
		a.MaxLength = max(a.MaxLength, int(slices.Max(c.keyLengths)))
		keys = int(a.KeyStarts[len(c.lengths)])
	}
	if c.bias {
		a.PositionBias = normal(rng, c.heads*(2*a.MaxLength-1))
	}
	if c.dropout > 0 {
		a.Dropout = Dropout{Probability: c.dropout, Key: 99}
		for i := range tokens {
			a.Rows = append(a.Rows, int32(3*i+5))
		}
	}
	width := c.heads * c.size
	a.Q, a.K, a.V = Floats(normal(rng, tokens*width)), Floats(normal(rng, keys*width)), Floats(normal(rng, keys*width))
	a.Out, a.LSE = Floats(make([]float32, tokens*width)), make([]float32, tokens*c.heads)
	r := &attentionRun{AttentionGradient{Attention: a, DOut: Floats(normal(rng, tokens*width))}}
	r.DQ.To, r.DK.To, r.DV.To = Floats(make([]float32, tokens*width)), Floats(make([]float32, keys*width)), Floats(make([]float32, keys*width))
	if c.bias {
		r.DPositionBias.To = Floats(make([]float32, len(a.PositionBias)))
	}
	return r
}

// run goes forward and back, or only one way.
func (r *attentionRun) run(cpu *CPU) {
	r.forward(cpu)
	r.backward(cpu)
}

func (r *attentionRun) forward(cpu *CPU) {
	r.Scratch = make([]float32, r.Attention.ScratchSize(cpu.Threads()))
	cpu.AttentionForward(&r.Attention)
}

func (r *attentionRun) backward(cpu *CPU) {
	r.Scratch = make([]float32, r.ScratchSize(cpu.Threads()))
	cpu.AttentionBackward(&r.AttentionGradient)
}

// outputs are the results by name.
func (r *attentionRun) outputs() map[string][]float32 {
	return map[string][]float32{"out": r.Out.Floats, "lse": r.LSE, "dq": r.DQ.To.Floats, "dk": r.DK.To.Floats, "dv": r.DV.To.Floats, "dbias": r.DPositionBias.To.Floats}
}

func offsets(lengths []int32) []int32 {
	starts := []int32{0}
	for _, n := range lengths {
		starts = append(starts, starts[len(starts)-1]+n)
	}
	return starts
}

func normal(rng *rand.Rand, n int) []float32 {
	x := Allocate(n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// TestAttentionAgreesWithPaddedBatches compares every instruction set with the definition of UER-py: batches padded to
// one length, -10000 added to the scores of hidden keys, float64.
func TestAttentionAgreesWithPaddedBatches(t *testing.T) {
	for _, c := range attentionCases() {
		want := newNaiveAttention(newAttentionRun(c))
		want.run()
		for _, set := range testedSets() {
			t.Run(c.name+"/"+set, func(t *testing.T) {
				cpu, r := newTestCPU(t, set, 2), newAttentionRun(c)
				r.run(cpu)
				for name, got := range r.outputs() {
					requireNear(t, name, got, want.outputs[name], 1e-5)
				}
			})
		}
	}
}

func TestAttentionBackwardAccumulates(t *testing.T) {
	c := attentionCase{heads: 2, size: 32, lengths: []int32{70, 33, 5}, causal: true, prefix: []int32{50, 33, 0}, bias: true}
	names := []string{"dq", "dk", "dv", "dbias"}
	for _, set := range testedSets() {
		for i, name := range names {
			cpu, once, twice := newTestCPU(t, set, 2), newAttentionRun(c), newAttentionRun(c)
			once.run(cpu)
			twice.run(cpu)
			[]*Output{&twice.DQ, &twice.DK, &twice.DV, &twice.DPositionBias}[i].Accumulate = true
			twice.backward(cpu)
			for _, other := range names {
				factor := float32(1)
				if other == name {
					factor = 2
				}
				want := make([]float64, len(once.outputs()[other]))
				for j, x := range once.outputs()[other] {
					want[j] = float64(factor * x)
				}
				requireNear(t, fmt.Sprintf("%s: %s while %s accumulates", set, other, name), twice.outputs()[other], want, 1e-6)
			}
		}
	}
}

func TestAttentionDoesNotDependOnThreads(t *testing.T) {
	for _, c := range []attentionCase{
		{name: "dropout", heads: 3, size: 20, lengths: []int32{30, 1, 65, 8, 49}, dropout: 0.1, causal: true},
		{name: "position bias", heads: 3, size: 16, lengths: []int32{30, 1, 65, 8, 49}, bias: true},
		{name: "bfloat16", heads: 3, size: 16, lengths: []int32{30, 1, 65, 8, 49}, bias: true, precision: BFloat16},
	} {
		for _, set := range testedSets() {
			one := newAttentionRun(c)
			cpu := newTestCPU(t, set, 1)
			one.run(cpu)
			for _, threads := range testedThreads() {
				r, cpu := newAttentionRun(c), newTestCPU(t, set, threads)
				r.run(cpu)
				for name, want := range one.outputs() {
					if !slices.Equal(r.outputs()[name], want) {
						t.Errorf("%s, %s: %s differs between 1 and %d threads", c.name, set, name, threads)
					}
				}
			}
		}
	}
}

// Large scores must neither overflow nor lose the largest one.
func TestAttentionWithLargeScores(t *testing.T) {
	for _, set := range testedSets() {
		r := newAttentionRun(attentionCase{name: "large", heads: 1, size: 16, lengths: []int32{40, 7}})
		for i := range r.Q.Floats {
			r.Q.Floats[i] *= 1000
		}
		want := newNaiveAttention(r)
		want.run()
		r.forward(newTestCPU(t, set, 1))
		requireNear(t, set+": out", r.Out.Floats, want.outputs["out"], 1e-3)
		requireNear(t, set+": lse", r.LSE, want.outputs["lse"], 1e-6)
	}
}

// requireNear fails if an element differs from the wanted one by more than tolerance times the largest wanted one (or 1,
// if all are smaller).
func requireNear(t testing.TB, name string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", name, len(got), len(want))
	}
	scale := 1.0
	for _, x := range want {
		scale = max(scale, math.Abs(x))
	}
	for i, x := range want {
		if !(math.Abs(float64(got[i])-x) <= tolerance*scale) {
			t.Fatalf("%s: element %d of %d is %v, want %v", name, i, len(got), got[i], x)
		}
	}
}
