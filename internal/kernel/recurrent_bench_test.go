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
		cpu := newTestCPU(b, InstructionSets()[0], threads)
		for _, cell := range []Cell{TanhCell, LSTMCell, GRUCell} {
			for _, shape := range []struct {
				layout                   layout
				input, hidden, sequences int
			}{{oneDirection, 512, 512, 32}, {oneDirection, 512, 768, 32}, {together, 128, 64, 4}, {together, 128, 64, 32}} {
				lengths := slices.Repeat([]int32{128}, shape.sequences)
				r := newRecurrentRun(cell, shape.layout, shape.input, shape.hidden, lengths...)
				tokens := int(r.Starts[len(lengths)])
				r.Scratch = make([]float32, max(r.Recurrent.ScratchSize(cpu), r.ScratchSize(cpu)))
				name := fmt.Sprintf("%s/%dx%d/batch=%d/threads=%d", [...]string{"tanh", "lstm", "gru"}[cell], len(r.Weights), r.Hidden,
					shape.sequences, threads)
				work := float64(2*tokens*len(r.Weights)*cell.Gates()*r.Hidden) * float64(r.Input+r.Hidden)
				b.Run("forward/"+name, func(b *testing.B) {
					benchmarkProducts(b, cpu, Float32, work, func() { cpu.RecurrentForward(&r.Recurrent) })
				})
				b.Run("backward/"+name, func(b *testing.B) {
					benchmarkProducts(b, cpu, Float32, 2*work, func() { cpu.RecurrentBackward(&r.RecurrentGradient) })
				})
			}
		}
	}
}
