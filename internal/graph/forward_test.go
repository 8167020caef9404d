package graph

import (
	"slices"
	"testing"
)

// buildForward puts total(2·4x, y) on a graph whose operations save something for their gradients. It returns 4x, too.
func buildForward(b *Builder) (loss, middle *Node) {
	b.Input("unused", Int32, 3)
	x := b.Parameter("x", 3)
	y := b.Parameter("y", 20)
	middle = b.Apply(quadruple{}, x)
	return b.Apply(total{2}, b.Apply(double{state: true}, middle), y), middle
}

// TestCompileForward wants a program that has the operations and the layout of the forward pass and nothing else.
func TestCompileForward(t *testing.T) {
	both := NewBuilder()
	loss, _ := buildForward(both)
	trained, err := both.Compile(loss)
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuilder()
	loss, middle := buildForward(b)
	p, err := b.CompileForward([]*Node{loss}, Kept{Name: "middle", Node: middle})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(p.Parameters, trained.Parameters, func(a, b Parameter) bool {
		return a.Name == b.Name && a.Offset == b.Offset
	}) {
		t.Errorf("parameters %v, in training %v", p.Parameters, trained.Parameters)
	}
	if len(p.Inputs) > 0 {
		t.Errorf("inputs %v, which nothing reads", p.Inputs)
	}
	var names []string
	for _, instruction := range p.Instructions {
		names = append(names, instruction.Op.Name())
		for i, v := range instruction.Out[1:] {
			if v != None {
				t.Errorf("%s computes output %d, which is for the gradient", instruction.Op.Name(), i+1)
			}
		}
		for _, v := range instruction.Out {
			if v != None && p.Values[v].Place == InState && p.Values[v].Offset == 0 {
				t.Errorf("%s writes the flag that stops training", instruction.Op.Name())
			}
		}
	}
	if want := []string{"quadruple", "double", "total"}; !slices.Equal(names, want) {
		t.Errorf("instructions %v, want %v", names, want)
	}
	kept := p.State[len(p.State)-1]
	if v := p.Values[p.Instructions[0].Out[0]]; kept.Name != "middle" || kept.Size != 3 || v.Place != InState || v.Offset != kept.Offset {
		t.Errorf("the middle is at %+v, its state is %+v", v, kept)
	}
}
