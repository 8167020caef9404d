package model

import (
	"testing"

	"uer/internal/graph"
	"uer/internal/registry"
)

// TestGradientsAreExact compiles the golden models for activations in bfloat16, and wants float32 for parameters, their
// gradients and everything that is copied into these, and no other copies between types.
func TestGradientsAreExact(t *testing.T) {
	for _, name := range registry.Names(goldenModels) {
		t.Run(name, func(t *testing.T) {
			m, half := newGoldenModel(t, name, graph.BFloat16), 0
			values := m.Program.Values
			for _, instruction := range m.Program.Instructions {
				for _, v := range instruction.Out {
					if v == graph.None {
						continue
					}
					switch value := values[v]; {
					case value.Type == graph.BFloat16 && value.Place == graph.InArena:
						half++
					case value.Type == graph.BFloat16:
						t.Errorf("%s writes bfloat16 to the %v", instruction.Op.Name(), value.Place)
					}
				}
				if instruction.Op == (graph.Copy{}) {
					if from, to := values[instruction.In[0]].Type, values[instruction.Out[0]].Type; from != to {
						t.Errorf("%v is copied to %v", from, to)
					}
				}
			}
			if half == 0 {
				t.Error("no activations are in bfloat16")
			}
		})
	}
}
