package device

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"uer/internal/graph"
)

// square is y = x² with a gradient that reads x.
type square struct{}

func (square) Name() string                                         { return "square" }
func (square) OutputShapes(in []graph.Shape) ([]graph.Shape, error) { return in[:1], nil }
func (square) HasGradient() []bool                                  { return []bool{true} }
func (square) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return []*graph.Node{b.Apply(squareGradient{}, in[0], dy)}
}

type squareGradient struct{}

func (squareGradient) Name() string                                         { return "square gradient" }
func (squareGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) { return in[:1], nil }

// total is the sum of all elements.
type total struct{}

func (total) Name() string                                      { return "total" }
func (total) OutputShapes([]graph.Shape) ([]graph.Shape, error) { return []graph.Shape{{}}, nil }
func (total) HasGradient() []bool                               { return []bool{true} }
func (total) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return []*graph.Node{b.Apply(fill{}, dy, in[0])}
}

// fill has the shape of its second input, filled with the first.
type fill struct{}

func (fill) Name() string                                         { return "fill" }
func (fill) OutputShapes(in []graph.Shape) ([]graph.Shape, error) { return in[1:2], nil }

// sizesOf rounds the sizes of all values up to multiples of 16.
func sizesOf(p *graph.Program) []int {
	sizes := make([]int, len(p.Values))
	for i, v := range p.Values {
		sizes[i] = (v.Shape.Elements() + 15) / 16 * 16
	}
	return sizes
}

// randomProgram draws a program whose instructions read the results of earlier ones, and the sizes of its values.
func randomProgram(t *rapid.T) (p *graph.Program, sizes []int) {
	p = &graph.Program{}
	for i := range rapid.IntRange(1, 30).Draw(t, "values") {
		p.Values = append(p.Values, graph.Value{Name: fmt.Sprint(i), Place: graph.InArena})
		sizes = append(sizes, 16*rapid.IntRange(1, 5).Draw(t, "size"))
		instruction := graph.Instruction{Out: []int{i}}
		for range rapid.IntRange(0, min(i, 3)).Draw(t, "inputs") {
			instruction.In = append(instruction.In, rapid.IntRange(0, i-1).Draw(t, "input"))
		}
		p.Instructions = append(p.Instructions, instruction)
	}
	p.Outputs = []int{rapid.IntRange(0, len(sizes)-1).Draw(t, "output")}
	return p, sizes
}

// requireApart runs a program in an arena and fails if an instruction overwrites a value that is read later.
func requireApart(t *rapid.T, p *graph.Program, arena *Arena, sizes []int) {
	owner := make([]int, arena.Size) // the value that an element holds
	holds := func(v int) {
		for i := range sizes[v] {
			if owner[arena.Offsets[v]+i] != v {
				t.Fatalf("value %d was overwritten by %d", v, owner[arena.Offsets[v]+i])
			}
		}
	}
	for _, instruction := range p.Instructions {
		for _, out := range instruction.Out { // outputs must not overlap the inputs of their own instruction
			for i := range sizes[out] {
				owner[arena.Offsets[out]+i] = out
			}
		}
		for _, in := range instruction.In {
			holds(in)
		}
	}
	holds(p.Outputs[0])
}

// TestPlanKeepsLifetimesApart checks on random programs that no instruction overwrites a value that is read later, whatever
// the sizes of a run, and that a run reaches no higher than one of larger values.
func TestPlanKeepsLifetimesApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, sizes := randomProgram(t)
		arena := PlanArena(p, sizes)
		requireApart(t, p, &arena, sizes)
		if reached := arena.Fit(sizes); reached > arena.Size {
			t.Fatalf("the planned sizes reach %d, beyond the end %d", reached, arena.Size)
		}
		ends := make([]int, len(sizes))
		for i, v := range arena.Offsets {
			ends[i] = v + sizes[i]
		}
		for i := range sizes {
			sizes[i] = 16 * rapid.IntRange(0, sizes[i]/16).Draw(t, "smaller size")
		}
		reached := arena.Fit(sizes)
		requireApart(t, p, &arena, sizes)
		for i, v := range arena.Offsets {
			if v+sizes[i] > ends[i] || v+sizes[i] > reached {
				t.Fatalf("value %d ends at %d; when it was larger it ended at %d, and the run reaches %d",
					i, v+sizes[i], ends[i], reached)
			}
		}
	})
}

// TestFitMovesTogether gives a chain half its size, and it takes half the memory.
func TestFitMovesTogether(t *testing.T) {
	p, sizes := chain(20, 96)
	arena := PlanArena(p, sizes)
	for i := range sizes {
		sizes[i] /= 2
	}
	if reached := arena.Fit(sizes); reached != 2*48 {
		t.Errorf("%d elements, want those of two values of 48", reached)
	}
}

// chain is a program in which each operation reads the result of the one before it, and the sizes of its values.
func chain(operations, size int) (p *graph.Program, sizes []int) {
	p = &graph.Program{Values: make([]graph.Value, operations+1)} // in the arena
	for i := range operations {
		p.Instructions = append(p.Instructions, graph.Instruction{In: []int{i}, Out: []int{i + 1}})
	}
	return p, slices.Repeat([]int{size}, operations+1)
}

// TestPlanSharesMemory plans a chain, in which few values are alive at a time.
func TestPlanSharesMemory(t *testing.T) {
	arena := PlanArena(chain(20, 112))
	if arena.Size != 2*112 {
		t.Errorf("a chain of 20 operations takes %d elements, want those of two values", arena.Size)
	}
	if arena.Unshared != 21*112 {
		t.Errorf("without sharing it would take %d elements, want %d", arena.Unshared, 21*112)
	}
}

// TestUsed counts memory once that values share, and none that no value reaches.
func TestUsed(t *testing.T) {
	values := make([]graph.Value, 5)
	for i := range values {
		values[i].Place = graph.InArena
	}
	values[4].Place = graph.InParameters
	arena := Arena{Offsets: []int{0, 64, 0, 32, 0}, Size: 128}
	sizes := []int{40, 10, 48, 12, 1000} // from 0 to 40, 64 to 74, 0 to 48 and 32 to 44
	if used := arena.Used(&graph.Program{Values: values}, func(v int) int { return sizes[v] }); used != 48+10 {
		t.Errorf("%d elements are used, want %d", used, 48+10)
	}
}

// TestRecomputeSavesMemory checks that the arena has room for the outputs of all blocks, but the values of only one.
func TestRecomputeSavesMemory(t *testing.T) {
	const blocks, inside, size = 20, 10, 160
	b := graph.NewBuilder()
	b.Recompute = true
	x := b.Parameter("x", size)
	for range blocks {
		x = b.Block(func() *graph.Node {
			for range inside {
				x = b.Apply(square{}, x)
			}
			return x
		})
	}
	p, err := b.Compile(b.Apply(total{}, x))
	if err != nil {
		t.Fatal(err)
	}
	if limit, arena := (blocks+inside+3)*size, PlanArena(p, sizesOf(p)); arena.Size > limit {
		t.Errorf("the arena takes %d elements, want at most %d", arena.Size, limit)
	}
}
