package op

import (
	"slices"

	"uer/internal/graph"
)

// Cell is the formula of a recurrent step, in which a is what the input adds to the gates and b what the previous state
// adds.
type Cell uint8

// The kinds of cells.
const (
	// TanhCell: h = tanh(a + b).
	TanhCell Cell = iota
	// LSTMCell, gates i, f, g, o of a + b: c = σ(f) c_{t−1} + σ(i) tanh(g), h = σ(o) tanh(c).
	LSTMCell
	// GRUCell, gates r, z, n: R = σ(a_r + b_r), Z = σ(a_z + b_z), N = tanh(a_n + R b_n), h = (1−Z) N + Z h_{t−1}.
	GRUCell
)

// Gates returns the number of gates of a cell: its weights have hidden rows for each.
func (c Cell) Gates() int { return [...]int{TanhCell: 1, LSTMCell: 4, GRUCell: 3}[c] }

// Recurrent is one layer of a recurrent network, inside each sequence. One direction reads from the first token to the
// last; two directions read both ways, and their states are side by side. Both read all of x or, if SplitInput, one half
// each.
// Inputs: x [tokens, in], or [tokens, 2·in] if SplitInput; for each direction, the forward one first, the weights of the
// input [gates·hidden, in] and of the state [gates·hidden, hidden], then the biases of both [gates·hidden]; starts
// [sequences+1]. Outputs: the states [tokens, directions·hidden] and what the device saves for the gradient.
type Recurrent struct {
	Cell       Cell
	Directions int // 1 or 2
	SplitInput bool
}

// RecurrentWeights is the number of inputs for each direction.
const RecurrentWeights = 4

// Name implements graph.Op.
func (Recurrent) Name() string { return "recurrent" }

// OutputShapes implements graph.Op.
func (o Recurrent) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	tokens, width, err := matrix("the input", in[0])
	if err != nil {
		return nil, err
	}
	if o.SplitInput {
		width /= o.Directions
		if err := expect("the input", in[0], tokens, width*o.Directions); err != nil {
			return nil, err
		}
	}
	_, hidden, err := matrix("the weight of the state", in[2])
	if err != nil {
		return nil, err
	}
	gates := o.Cell.Gates() * hidden
	for weights := range slices.Chunk(in[1:1+RecurrentWeights*o.Directions], RecurrentWeights) {
		if err := expect("the weight of the input", weights[0], gates, width); err != nil {
			return nil, err
		}
		if err := expect("the weight of the state", weights[1], gates, hidden); err != nil {
			return nil, err
		}
		for _, bias := range weights[2:] {
			if err := expect("the bias", bias, gates); err != nil {
				return nil, err
			}
		}
	}
	return []graph.Shape{{tokens, o.Directions * hidden}, graph.Saved}, nil
}

// HasGradient implements graph.Differentiable.
func (o Recurrent) HasGradient() []bool {
	return append(slices.Repeat([]bool{true}, 1+RecurrentWeights*o.Directions), false)
}

// Grad implements graph.Differentiable.
func (o Recurrent) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	operands := append([]*graph.Node{out(0), out(1), dy}, in...)
	computed := b.ApplyAll(RecurrentGradient(o), operands...)
	if computed == nil {
		return nil
	}
	return append(computed, nil)
}

// RecurrentGradient is the gradient of Recurrent. Inputs: the two outputs of Recurrent, dy [tokens, directions·hidden],
// then the inputs of Recurrent. Outputs: the gradients of these inputs, except starts.
type RecurrentGradient Recurrent

// Name implements graph.Op.
func (RecurrentGradient) Name() string { return "recurrent gradient" }

// OutputShapes implements graph.Op.
func (RecurrentGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return in[3 : len(in)-1], nil
}
