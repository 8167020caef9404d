package kernel

import (
	"fmt"
	"slices"
	"testing"
)

// BenchmarkRecurrent reports the rate of multiplications and additions of a layer's products, and its share of what the
// threads reach in a loop of nothing else. A pass forward has two products, one backward four.
func BenchmarkRecurrent(b *testing.B) {
	for _, threads := range []int{1, 2} {
		cpu, err := New(threads)
		if err != nil {
			b.Fatal(err)
		}
		defer cpu.Close()
		limit := cpu.MeasureLimit()
		for _, cell := range []Cell{TanhCell, LSTMCell, GRUCell} {
			for _, hidden := range []int{512, 768} {
				lengths := slices.Repeat([]int32{128}, 32)
				r := newRecurrentRun(cell, oneDirection, 512, hidden, lengths...)
				tokens := int(r.Starts[len(lengths)])
				scratch := make([]float32, RecurrentScratch(r.Recurrent, tokens, len(lengths), true))
				report := func(b *testing.B, passes int) {
					work := float64(2*passes*tokens*cell.Gates()*hidden) * float64(r.Input+hidden)
					rate := work * float64(b.N) / b.Elapsed().Seconds() / 1e9
					b.ReportMetric(rate, "GFLOP/s")
					b.ReportMetric(rate/limit, "of-limit")
				}
				name := fmt.Sprintf("%s/%d/threads=%d", [...]string{"tanh", "lstm", "gru"}[cell], hidden, threads)
				b.Run("forward/"+name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						cpu.RecurrentForward(r.Recurrent, r.y, r.saved, r.x, scratch)
					}
					report(b, 1)
				})
				b.Run("backward/"+name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						cpu.RecurrentBackward(r.Recurrent, &r.g, r.dy, r.y, r.saved, r.x, scratch)
					}
					report(b, 2)
				})
			}
		}
	}
}
