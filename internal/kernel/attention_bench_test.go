package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkAttention reports the rate of multiplications and additions in products of visible queries and keys, and its
// share of what the threads reach in a loop of nothing else.
func BenchmarkAttention(b *testing.B) {
	cpu, err := New(1)
	if err != nil {
		b.Fatal(err)
	}
	defer cpu.Close()
	limit := cpu.MeasureLimit()
	for _, length := range []int32{8, 32, 128, 512} {
		for _, c := range []attentionCase{
			{name: "dense"},
			{name: "causal", causal: true},
			{name: "dropout", dropout: 0.1},
		} {
			c.heads, c.size = 12, 64
			pairs := 0
			for range max(1, 256/length) {
				c.lengths = append(c.lengths, length)
				pairs += int(length * length)
				if c.causal {
					pairs -= int(length * (length - 1) / 2)
				}
			}
			r := newAttentionRun(c)
			work := float64(2 * pairs * c.heads * c.size)
			scratch := make([]float32, AttentionScratch(r.Attention, 1, true))
			report := func(b *testing.B, products int) {
				rate := work * float64(products) * float64(b.N) / b.Elapsed().Seconds() / 1e9
				b.ReportMetric(rate, "GFLOP/s")
				b.ReportMetric(rate/limit, "of-limit")
			}
			b.Run(fmt.Sprintf("forward/%s/%d", c.name, length), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					cpu.AttentionForward(r.Attention, r.out, r.lse, r.q, r.k, r.v, scratch)
				}
				report(b, 2)
			})
			b.Run(fmt.Sprintf("backward/%s/%d", c.name, length), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					cpu.AttentionBackward(r.Attention, r.dq, r.dk, r.dv, r.dout, r.out, r.lse, r.q, r.k, r.v, scratch, [3]bool{})
				}
				report(b, 5)
			})
		}
	}
}
