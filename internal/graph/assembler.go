package graph

import (
	"fmt"
	"slices"
)

// Assembler builds a program without gradients, such as an update of the parameters, instruction by instruction. Like
// Builder it keeps the first error.
type Assembler struct {
	program Program
	err     error
}

// NewAssembler begins a program on memory of the given layout.
func NewAssembler(layout Layout) *Assembler {
	return &Assembler{program: Program{Layout: layout, Inputs: map[string]int{}}}
}

// Layout returns the layout of the program, to which state may be added.
func (a *Assembler) Layout() *Layout { return &a.program.Layout }

// Value adds a value to the program and returns its index.
func (a *Assembler) Value(v Value) int {
	a.program.Values = append(a.program.Values, v)
	return len(a.program.Values) - 1
}

// Do adds an instruction, whose inputs and outputs are indices of values. Outputs in a flat buffer may be updated in place.
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

// Program returns the assembled program, or the first error. The outputs are scalars that the host reads after a run.
func (a *Assembler) Program(outputs ...int) (*Program, error) {
	a.program.Outputs = outputs
	return &a.program, a.err
}
