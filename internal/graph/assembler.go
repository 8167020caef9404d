package graph

import (
	"fmt"
	"slices"
)

// Assembler makes a program that has no gradient, instruction by instruction: the update of parameters, for one. It
// keeps the first error.
type Assembler struct {
	program Program
	err     error
}

// NewAssembler begins a program over what a layout places.
func NewAssembler(layout Layout) *Assembler {
	return &Assembler{program: Program{Layout: layout, Inputs: map[string]int{}}}
}

// Layout is that of the program. State may be added to it.
func (a *Assembler) Layout() *Layout { return &a.program.Layout }

// Value adds a value to the program and returns its number.
func (a *Assembler) Value(v Value) int {
	a.program.Values = append(a.program.Values, v)
	return len(a.program.Values) - 1
}

// Do adds an instruction on values that are there. Outputs in a flat buffer may be changed in place.
func (a *Assembler) Do(op Op, in []int, out ...int) {
	var shapes []Shape
	for _, v := range in {
		shapes = append(shapes, a.program.Values[v].Shape)
	}
	want, err := op.OutputShapes(shapes)
	if err != nil {
		a.fail(fmt.Errorf("%s: %w", op.Name(), err))
		return
	}
	if len(want) != len(out) {
		a.fail(fmt.Errorf("%s has %d outputs, not %d", op.Name(), len(want), len(out)))
		return
	}
	for i, v := range out {
		if got := a.program.Values[v].Shape; !slices.Equal(got, want[i]) {
			a.fail(fmt.Errorf("%s: output %d has shape %v, want %v", op.Name(), i, got, want[i]))
		}
	}
	a.program.Instructions = append(a.program.Instructions, Instruction{
		Op: op, In: in, Out: out, Accumulate: make([]bool, len(out)),
	})
}

func (a *Assembler) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// Program is what was assembled, with scalars that the host reads after a run.
func (a *Assembler) Program(outputs ...int) (*Program, error) {
	a.program.Outputs = outputs
	return &a.program, a.err
}
