package checkpoint

import (
	"testing"

	"uer/internal/graph"
)

// BenchmarkSave saves a checkpoint of the size of RoBERTa base with AdamW, 1.4 GB, and verifies it.
func BenchmarkSave(b *testing.B) {
	layout := graph.NewLayout()
	layout.AddParameter(graph.Parameter{Name: "weight", Shape: graph.Shape{118_517_384}})
	layout.AddState("first_moment", layout.ParameterSize)
	layout.AddState("second_moment", layout.ParameterSize)
	memory := &buffers{make([]float32, layout.ParameterSize), make([]float32, layout.StateSize)}
	for i := range memory.parameters {
		memory.parameters[i] = float32(i)
	}
	prefix := b.TempDir() + "/m"
	state := example(1)
	b.SetBytes(4 * int64(layout.ParameterSize+layout.StateSize))
	for b.Loop() {
		if _, err := Save(prefix, 1, &layout, memory, &state); err != nil {
			b.Fatal(err)
		}
	}
}
