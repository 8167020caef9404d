package device

import (
	"testing"

	"uer/internal/graph"
)

// TestCheckTypes gives programs to devices that store activations in another type. Scalars and copies may have any.
func TestCheckTypes(t *testing.T) {
	half := graph.Value{Type: graph.BFloat16, Place: graph.InArena, Shape: graph.Shape{2}}
	full, scalar := graph.Value{Place: graph.InArena, Shape: graph.Shape{2}}, graph.Value{Place: graph.InArena}
	p := &graph.Program{
		Values: []graph.Value{half, full, scalar},
		Instructions: []graph.Instruction{
			{Op: graph.Copy{}, In: []int{0}, Out: []int{1}}, {Op: square{}, In: []int{0}, Out: []int{2}},
		},
	}
	if err := CheckTypes(p, graph.BFloat16); err != nil {
		t.Error(err)
	}
	const want = "square: input 0 is bfloat16, the device needs float32"
	if err := CheckTypes(p, graph.Float32); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
