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

// TestWithoutCopies gives the begin of a sum, whose first term is read by others until, and in some programs when or after,
// the next term is added.
func TestWithoutCopies(t *testing.T) {
	value := graph.Value{Place: graph.InArena, Shape: graph.Shape{2}}
	first := graph.Instruction{Op: square{}, Out: []int{0}, Accumulate: []bool{false}}
	copied := graph.Instruction{Op: graph.Copy{}, In: []int{0}, Out: []int{1}, Accumulate: []bool{false}}
	read := graph.Instruction{Op: square{}, In: []int{0}, Out: []int{2}, Accumulate: []bool{false}}
	added := graph.Instruction{Op: square{}, In: []int{2}, Out: []int{1}, Accumulate: []bool{true}}
	for _, test := range []struct {
		name         string
		instructions []graph.Instruction
		without      bool
	}{
		{"read before", []graph.Instruction{first, copied, read, added}, true},
		{"read after", []graph.Instruction{first, copied, added, read}, false},
		{"read by what adds", []graph.Instruction{first, copied, {Op: square{}, In: []int{0}, Out: []int{1}, Accumulate: []bool{true}}}, false},
		{"changed", []graph.Instruction{first, copied, {Op: square{}, Out: []int{0}, Accumulate: []bool{true}}, added}, false},
		{"a term of its own before", []graph.Instruction{first, {Op: square{}, Out: []int{1}, Accumulate: []bool{false}}, copied}, false},
	} {
		p := &graph.Program{Values: []graph.Value{value, value, value}, Instructions: test.instructions}
		made, left := WithoutCopies(p, []int{0, 1, 2, 3})
		if (len(made.Instructions) < len(test.instructions)) != test.without || len(left) != len(made.Instructions) {
			t.Errorf("%s: %+v", test.name, made.Instructions)
		}
		if test.without && (made.Instructions[2].Out[0] != 0 || !slices.Equal(left, []int{0, 2, 3})) {
			t.Errorf("%s: %+v from %v", test.name, made.Instructions, left)
		}
	}
	again := graph.Instruction{Op: graph.Copy{}, In: []int{0}, Out: []int{2}, Accumulate: []bool{false}}
	p := &graph.Program{Values: []graph.Value{value, value, value}, Instructions: []graph.Instruction{first, copied, again, added}}
	if made, _ := WithoutCopies(p, []int{0, 1, 2, 3}); len(made.Instructions) != 3 {
		t.Errorf("two copies of one value: %+v", made.Instructions)
	}
}
