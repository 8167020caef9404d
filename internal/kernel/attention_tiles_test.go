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
	for i, c := range append(attentionCases(),
		attentionCase{name: "two stretches", heads: 1, size: 33, lengths: []int32{150}, causal: true, prefix: []int32{40}},
		attentionCase{name: "few queries", heads: 2, size: 256, lengths: []int32{1, 2}, keyLengths: []int32{77, 34}, dropout: 0.2},
		attentionCase{name: "tiny heads", heads: 2, size: 1, lengths: []int32{40, 16}, bias: true},
	) {
		for _, accumulate := range []bool{false, true} {
			if testing.Short() && accumulate != (i%2 == 0) {
				continue
			}
			name := fmt.Sprintf("%s, accumulate %t", c.name, accumulate)
			requireSameAttention(t, cpus, name, func() *attentionRun {
				r := newAttentionRun(c)
				if accumulate {
					r.accumulate()
				}
				return r
			})
		}
	}
}

// TestTileAttentionNumbers: so it has for numbers of all kinds.
func TestTileAttentionNumbers(t *testing.T) {
	cpus := tileCPUs(t)
	c := attentionCase{heads: 1, size: 19, lengths: []int32{7, 37}, causal: true, prefix: []int32{3, 0}, bias: true}
	for class, number := range numbers {
		requireSameAttention(t, cpus, class, func() *attentionRun {
			r, generator := newAttentionRun(c), rand.New(rand.NewPCG(5, 6))
			for _, x := range [][]float32{r.Q.Floats, r.K.Floats, r.V.Floats, r.DOut.Floats} {
				for i := range x {
					if i%c.size%3 == 0 { // whole columns, so that sums have nothing else
						x[i] = number(generator)
					}
				}
			}
			return r
		})
	}
}

// requireSameAttention fails if two CPUs compute different bits in bfloat16; a NaN is as good as another.
func requireSameAttention(t *testing.T, cpus []*CPU, name string, newRun func() *attentionRun) {
	t.Helper()
	var want map[string][]float32
	for _, cpu := range cpus {
		r := newRun()
		r.Precision = BFloat16
		r.run(cpu)
		if want == nil {
			want = r.outputs()
		}
		for output, w := range want {
			for i, x := range r.outputs()[output] {
				if !sameBits(x, w[i]) && (x == x || w[i] == w[i]) {
					t.Errorf("%s, %s: element %d of %d of %s is %g (%#08x), not %g (%#08x)", name, cpu.Name(), i, len(w), output,
						x, math.Float32bits(x), w[i], math.Float32bits(w[i]))
					break
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
		copy(out.To.Floats, normal(rng, len(out.To.Floats)))
	}
}

// TestTileAttentionAgreesWithPaddedBatches: of operands in bfloat16, attention differs from its definition as far as
// probabilities and gradients of scores are rounded, whose largest error is 2^-9 of them.
func TestTileAttentionAgreesWithPaddedBatches(t *testing.T) {
	for _, c := range attentionCases() {
		r := newAttentionRun(c)
		for _, x := range [][]float32{r.Q.Floats, r.K.Floats, r.V.Floats, r.DOut.Floats} {
			for i := range x {
				x[i] = math.Float32frombits(math.Float32bits(x[i]) &^ 0xffff)
			}
		}
		want := newNaiveAttention(r)
		want.run()
		r.Precision = BFloat16
		r.run(newTestCPU(t, testedSets()[0], 2))
		for name, got := range r.outputs() {
			requireNear(t, c.name+": "+name, got, want.outputs[name], 1e-2)
		}
	}
}

// TestTileAttentionOfOneQuery: a query has the same bits alone as among others, which is what the memory of a generator rests on.
func TestTileAttentionOfOneQuery(t *testing.T) {
	whole := newAttentionRun(attentionCase{heads: 2, size: 24, lengths: []int32{75}, causal: true})
	whole.Precision = BFloat16
	cpu := newTestCPU(t, InstructionSets()[0], 1)
	whole.forward(cpu)
	width := whole.Heads * whole.Size
	for i := range int32(75) {
		one := newAttentionRun(attentionCase{heads: 2, size: 24, lengths: []int32{1}, keyLengths: []int32{i + 1}})
		one.Precision = BFloat16
		copy(one.Q.Floats, whole.Q.Floats[int(i)*width:])
		copy(one.K.Floats, whole.K.Floats)
		copy(one.V.Floats, whole.V.Floats)
		one.forward(cpu)
		if !identical(one.Out.Floats, whole.Out.Floats[int(i)*width:int(i+1)*width]) {
			t.Errorf("query %d: other bits alone", i)
		}
	}
}

// TestTileAttentionPadding: a sum of -0 becomes 0 where padding is added to it, also where routines leave that out.
func TestTileAttentionPadding(t *testing.T) {
	const tiny = 0x1p-126
	requireSameAttention(t, tileCPUs(t), "-0", func() *attentionRun {
		r := newAttentionRun(attentionCase{heads: 1, size: 1, lengths: []int32{1}, keyLengths: []int32{66}})
		clear(r.K.Floats)
		clear(r.V.Floats)
		r.Q.Floats[0], r.K.Floats[64], r.K.Floats[65] = 1, -1, -1 // whose probabilities are smaller
		v := r.V.Floats
		v[0], v[32], v[64], v[65] = 1.25*tiny, -1.5*tiny, -tiny, -tiny // in three units, the first two giving -0
		return r
	})
}
