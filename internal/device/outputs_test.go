package device

import (
	"slices"
	"testing"

	"uer/internal/graph"
)

// pair has two outputs of the shape of its input.
type pair struct{ all bool }

func (pair) Name() string { return "pair" }
func (pair) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{in[0], in[0]}, nil
}

// TestWithOutputs leaves out the second output of two operations, one of which writes it nevertheless.
func TestWithOutputs(t *testing.T) {
	p := &graph.Program{
		Values: []graph.Value{
			{Place: graph.InParameters, Shape: graph.Shape{2}}, {Place: graph.InArena, Shape: graph.Shape{2}},
			{Place: graph.InArena, Shape: graph.Shape{2}},
		},
		Instructions: []graph.Instruction{
			{Op: pair{}, In: []int{0}, Out: []int{1, graph.None}, Accumulate: []bool{false, false}},
			{Op: pair{all: true}, In: []int{1}, Out: []int{2, graph.None}, Accumulate: []bool{false, false}},
		},
	}
	made, err := WithOutputs(p, graph.BFloat16, func(o graph.Op) bool { return o.(pair).all })
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]int{{1, graph.None}, {2, 3}} {
		if got := made.Instructions[i].Out; !slices.Equal(got, want) {
			t.Errorf("outputs %v of instruction %d, want %v", got, i, want)
		}
	}
	if v := made.Values[3]; v.Place != graph.InArena || v.Type != graph.BFloat16 || !slices.Equal(v.Shape, graph.Shape{2}) {
		t.Errorf("the output is %+v", v)
	}
	if len(p.Values) != 3 || p.Instructions[1].Out[1] != graph.None {
		t.Error("the program that was given has changed")
	}
}
