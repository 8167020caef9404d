package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestTileAttention: attention in bfloat16 has the same bits in plain Go, by multiply-adds, and on tiles, for all forms.
func TestTileAttention(t *testing.T) {
	cpus := tileCPUs(t)
	for _, c := range append(attentionCases(),
		attentionCase{name: "two stretches", heads: 1, size: 33, lengths: []int32{150}, causal: true, prefix: []int32{40}},
		attentionCase{name: "few queries", heads: 2, size: 256, lengths: []int32{1, 2}, keyLengths: []int32{77, 34}, dropout: 0.2},
		attentionCase{name: "tiny heads", heads: 2, size: 1, lengths: []int32{40, 16}, bias: true},
	) {
		for _, accumulate := range []bool{false, true} {
			var want map[string][]float32
			for _, cpu := range cpus {
				r := newAttentionRun(c)
				r.Precision = BFloat16
				if accumulate {
					r.accumulate()
				}
				r.run(cpu)
				if want == nil {
					want = r.outputs()
				}
				for name, x := range r.outputs() {
					requireBits(t, fmt.Sprintf("%s, %s, accumulate %t: %s", c.name, cpu.Name(), accumulate, name), x, want[name])
				}
			}
		}
	}
}

// accumulate makes all gradients add to random numbers.
func (r *attentionRun) accumulate() {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, out := range []*Output{&r.DQ, &r.DK, &r.DV, &r.DPositionBias} {
		out.Accumulate = true
		copy(out.To, normal(rng, len(out.To)))
	}
}

// requireBits fails if an element has other bits than the wanted one; a NaN is as good as another.
func requireBits(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if x := got[i]; !sameBits(x, w) && (x == x || w == w) {
			t.Errorf("%s: element %d of %d is %g (%#08x), not %g (%#08x)", name, i, len(want), x, math.Float32bits(x), w, math.Float32bits(w))
			return
		}
	}
}

// TestTileAttentionAgreesWithPaddedBatches: rounding to bfloat16 is all that differs from the definition.
func TestTileAttentionAgreesWithPaddedBatches(t *testing.T) {
	for _, c := range attentionCases() {
		want := newNaiveAttention(newAttentionRun(c))
		want.run()
		cpu, r := newTestCPU(t, testedSets()[0], 2), newAttentionRun(c)
		r.Precision = BFloat16
		r.run(cpu)
		for name, got := range r.outputs() {
			requireNear(t, c.name+": "+name, got, want.outputs[name], 5e-2)
		}
	}
}
