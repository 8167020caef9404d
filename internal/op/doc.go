// Package op defines the operations of models: the shapes of their outputs and their gradients. It computes nothing; a
// device has a kernel for each type of operation, such as [Linear] or [AttentionGradient].
//
// The inputs of an operation that has optional ones are named by a struct, such as [LinearInputs] of nodes, of shapes or of
// a device's operands. List orders them for an instruction, and a function such as [LinearInputsOf] reads them back.
//
// Sizes in comments: tokens is the number of real tokens in a batch, whose sequences follow one another; width is the
// size of a row. The input starts [sequences+1] holds the offsets of the sequences, and rows [tokens] the number of each
// token in the padded batch, which determines what dropout draws for it.
package op

import (
	"fmt"
	"slices"

	"uer/internal/graph"
)

// matrix returns the dimensions of a matrix, or an error that names the operand.
func matrix(name string, s graph.Shape) (rows, width int, err error) {
	if len(s) != 2 {
		return 0, 0, fmt.Errorf("%s has shape %v, want a matrix", name, s)
	}
	return s[0], s[1], nil
}

// expect checks the shape of an operand.
func expect(name string, got graph.Shape, want ...int) error {
	if slices.Equal(got, want) {
		return nil
	}
	// The copy keeps want off the heap if there is no error: shapes are checked in every step.
	return fmt.Errorf("%s has shape %v, want %v", name, got, graph.Shape(slices.Clone(want)))
}

// expectIf is expect for an optional operand.
func expectIf(present bool, name string, got graph.Shape, want ...int) error {
	if !present {
		return nil
	}
	return expect(name, got, want...)
}
