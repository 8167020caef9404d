package device

import (
	"slices"
	"testing"

	"uer/internal/graph"
)

// TestWithCopies assumes that kernels cannot add to output 0. Its three instructions begin a sum, add to it, and write a
// gradient.
func TestWithCopies(t *testing.T) {
	p := &graph.Program{
		Values: []graph.Value{
			{Place: graph.InArena, Shape: graph.Shape{2}}, {Place: graph.InArena, Shape: graph.Shape{2}},
			{Place: graph.InGradients, Shape: graph.Shape{2}},
		},
		Instructions: []graph.Instruction{
			{Op: square{}, Out: []int{0}, Accumulate: []bool{false}},
			{Op: square{}, Out: []int{0, 1}, Accumulate: []bool{true, true}},
			{Op: square{}, Out: []int{2}, Accumulate: []bool{false}},
		},
	}
	made, origin := WithCopies(p, func(_ graph.Op, output int) bool { return output == 1 })
	want := []graph.Instruction{
		{Op: square{}, Out: []int{0}, Accumulate: []bool{false}},
		{Op: square{}, Out: []int{3, 1}, Accumulate: []bool{false, true}},
		{Op: graph.Copy{}, In: []int{3}, Out: []int{0}, Accumulate: []bool{true}},
		{Op: square{}, Out: []int{4}, Accumulate: []bool{false}},
		{Op: graph.Copy{}, In: []int{4}, Out: []int{2}, Accumulate: []bool{false}},
	}
	same := func(a, b graph.Instruction) bool {
		return a.Op == b.Op && slices.Equal(a.In, b.In) && slices.Equal(a.Out, b.Out) && slices.Equal(a.Accumulate, b.Accumulate)
	}
	if !slices.EqualFunc(made.Instructions, want, same) {
		t.Errorf("instructions %+v, want %+v", made.Instructions, want)
	}
	if !slices.Equal(origin, []int{0, 1, 1, 2, 2}) {
		t.Errorf("origins %v", origin)
	}
	if len(p.Values) != 3 || p.Instructions[1].Out[0] != 0 {
		t.Error("the program that was given has changed")
	}
}
