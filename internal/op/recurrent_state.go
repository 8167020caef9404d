package op

import (
	"cmp"

	"uer/internal/graph"
)

// RecurrentFrom is a Recurrent of one direction that goes on with one sequence from the state before it, for programs
// without gradients.
// Inputs: those of Recurrent, and the state before the first token [1, States·hidden]: h, and of an LSTM c beside it.
// Outputs: the states [tokens, hidden], the state after the last token as it was given, and what the device saves.
type RecurrentFrom struct{ Cell Cell }

// States returns the number of vectors that a cell passes on.
func (c Cell) States() int {
	if c == LSTMCell {
		return 2
	}
	return 1
}

// Name implements graph.Op.
func (RecurrentFrom) Name() string { return "recurrent from a state" }

// OutputShapes implements graph.Op.
func (o RecurrentFrom) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	last := len(in) - 1
	shapes, err := Recurrent{Cell: o.Cell, Directions: 1}.OutputShapes(in[:last])
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(
		expect("starts", in[last-1], 2), expect("the state", in[last], 1, o.Cell.States()*shapes[0][1]),
	); err != nil {
		return nil, err
	}
	return []graph.Shape{shapes[0], in[last], shapes[1]}, nil
}
