package device

import (
	"slices"
	"strings"
	"testing"

	"uer/internal/graph"
)

// state is an operation that saves what its devices need.
type state struct{ square }

func (state) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{in[0], graph.Saved}, nil
}

// shapesProgram has two inputs, of at most 4 elements, and one instruction, which reads the first.
func shapesProgram() *graph.Program {
	return &graph.Program{
		Values: []graph.Value{
			{Shape: graph.Shape{4}}, {Shape: graph.Shape{4}}, {Shape: graph.Shape{4}}, {Shape: graph.Saved},
		},
		Inputs:       map[string]int{"tokens": 0, "labels": 1},
		Instructions: []graph.Instruction{{Op: state{}, In: []int{0}, Out: []int{2, 3}}},
	}
}

// TestFeed checks that every input of a program must be fed before each run, and must not be too long.
func TestFeed(t *testing.T) {
	s := NewShapes(shapesProgram(), nil)
	var taken []int
	take := func(value int, _ []int32) { taken = append(taken, value) }
	ids := make([]int32, 4)
	good := Inputs{{Name: "tokens", Data: ids}, {Name: "labels", Data: ids[:3]}, {Name: "other", Data: ids}}
	if err := s.Start(); err == nil || err.Error() != "the inputs of this run were not fed" {
		t.Errorf("a run without inputs: error %v", err)
	}
	if err := s.Feed(good, take); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(taken); !slices.Equal(taken, []int{0, 1}) {
		t.Errorf("values %v were taken, want those of the two inputs", taken)
	}
	if err := s.Start(); err != nil {
		t.Error(err)
	}
	if err := s.Start(); err == nil {
		t.Error("a second run on the same inputs began")
	}
	for name, test := range map[string]struct {
		inputs Inputs
		want   string
	}{
		"a misspelt input": {Inputs{{Name: "token", Data: ids}, {Name: "labels", Data: ids}}, `input "tokens" is missing`},
		"no data":          {Inputs{{Name: "tokens", Data: ids}, {Name: "labels"}}, `input "labels" is missing`},
		"too long":         {Inputs{{Name: "tokens", Data: make([]int32, 5)}, {Name: "labels", Data: ids}}, `input "tokens" has 5 elements`},
	} {
		if err := s.Feed(good, take); err != nil {
			t.Fatal(err)
		}
		if err := s.Feed(test.inputs, take); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %s", name, err, test.want)
		}
		if s.Start() == nil {
			t.Errorf("%s: a run began on these inputs", name)
		}
	}
	if err := NewShapes(&graph.Program{}, nil).Start(); err != nil {
		t.Errorf("a program without inputs: error %v", err)
	}
}

// TestInfer checks that shapes follow from the inputs of a run, and what is saved from the device.
func TestInfer(t *testing.T) {
	p := shapesProgram()
	s := NewShapes(p, func(_ graph.Op, in []graph.Shape) (int, error) { return 10 * in[0][0], nil })
	for _, n := range []int{4, 2, 0, 3} {
		if n < 4 { // at first, the largest shapes
			inputs := Inputs{{Name: "tokens", Data: make([]int32, n)}, {Name: "labels", Data: make([]int32, 1)}}
			if err := s.Feed(inputs, func(int, []int32) {}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Infer(&p.Instructions[0]); err != nil {
			t.Fatal(err)
		}
		for value, want := range map[int]int{0: n, 2: n, 3: 10 * n} {
			if got := s.Of(value); !slices.Equal(got, graph.Shape{want}) {
				t.Errorf("with %d tokens, value %d has shape %v, want %d elements", n, value, got, want)
			}
		}
	}
}
