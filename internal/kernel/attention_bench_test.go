package kernel

import (
	"fmt"
	"testing"
)

// raggedLengths are the lengths of the reviews of a corpus, cut at 128 tokens: 32 equally spaced quantiles.
var raggedLengths = []int32{4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 22, 24, 26, 29, 32, 35, 38, 42, 46, 52, 58, 66, 75, 86,
	100, 119, 128, 128}

// BenchmarkAttention reports the rate of multiplications and additions in products of visible queries and keys, and its
// share of the limit of products in the precision on the threads that compute them. The best run counts, since other
// programs disturb the rest.
func BenchmarkAttention(b *testing.B) {
	lengths := map[string][]int32{"ragged": raggedLengths}
	names := []string{"8", "16", "40", "128", "512", "ragged"}
	for i, length := range []int32{8, 16, 40, 128, 512} {
		for range max(2, 512/length) {
			lengths[names[i]] = append(lengths[names[i]], length)
		}
	}
	for _, threads := range []int{1, 2} {
		cpu := newTestCPU(b, InstructionSets()[0], threads)
		for _, name := range names {
			for _, c := range []attentionCase{
				{name: "full"},
				{name: "causal", causal: true},
				{name: "dropout", dropout: 0.1},
			} {
				c.heads, c.size, c.lengths = 12, 64, lengths[name]
				r := newAttentionRun(c)
				work := float64(2 * visiblePairs(c) * c.heads * c.size)
				for _, precision := range []Precision{Float32, BFloat16} {
					if r.Precision = precision; precision == BFloat16 { // as a training stores activations then
						for _, x := range []*Array{&r.Q, &r.K, &r.V, &r.Out, &r.DOut, &r.DQ.To, &r.DK.To, &r.DV.To} {
							*x = rounded(x.Floats)
						}
					}
					r.Scratch = make([]float32, r.ScratchSize(threads))
					form := fmt.Sprintf("%s/threads=%d/%s/%s", precisionName(precision), threads, c.name, name)
					b.Run("forward/"+form, func(b *testing.B) {
						benchmarkProducts(b, cpu, precision, 2*work, func() { cpu.AttentionForward(&r.Attention) })
					})
					b.Run("backward/"+form, func(b *testing.B) {
						benchmarkProducts(b, cpu, precision, 5*work, func() { cpu.AttentionBackward(&r.AttentionGradient) })
					})
				}
			}
		}
	}
}

// visiblePairs counts the queries and keys of a case without prefix that see each other.
func visiblePairs(c attentionCase) int {
	pairs := 0
	for _, length := range c.lengths {
		n := int(length)
		if c.causal {
			pairs += n * (n + 1) / 2
		} else {
			pairs += n * n
		}
	}
	return pairs
}
