// Package op says what each operation of a model means: the shapes it makes and its gradient. It computes nothing; a
// device has a kernel for every operation, found by its name.
//
// Sizes in comments: tokens is the number of real tokens of a batch, all sequences one after another; width is the
// size of a row. A batch says where sequences start with starts [sequences+1], and rows [tokens] gives each token its
// number in the padded batch, from which dropout draws.
package op

import (
	"fmt"
	"slices"

	"uer/internal/graph"
)

// matrix is the shape of a two-dimensional value, or an error that names the value.
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
	// The copy keeps want off the heap where all is well: shapes are checked at every step.
	return fmt.Errorf("%s has shape %v, want %v", name, got, graph.Shape(slices.Clone(want)))
}

// expectIf is expect for an operand that is there only if present is set.
func expectIf(present bool, name string, got graph.Shape, want ...int) error {
	if !present {
		return nil
	}
	return expect(name, got, want...)
}
