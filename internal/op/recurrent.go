package op

import (
	"uer/internal/graph"
	"uer/internal/kernel"
)

// Recurrent is one layer of a recurrent network in one direction, inside each sequence.
// Inputs: x [tokens, in]; the weights of the input [gates·hidden, in] and of the state [gates·hidden, hidden]; their biases
// [gates·hidden]; starts [sequences+1]. Outputs: the states [tokens, hidden] and what the gradient needs.
type Recurrent struct {
	Cell    kernel.Cell
	Reverse bool // from the last token to the first
}

// Name implements graph.Op.
func (Recurrent) Name() string { return "recurrent" }

// Outs implements graph.Op.
func (o Recurrent) Outs(in []graph.Shape) ([]graph.Shape, error) {
	tokens, width, err := matrix("the input", in[0])
	if err != nil {
		return nil, err
	}
	gates, hidden, err := matrix("the weight of the state", in[2])
	if err != nil {
		return nil, err
	}
	if err := expect("the weight of the state", in[2], o.Cell.Gates()*hidden, hidden); err != nil {
		return nil, err
	}
	if err := expect("the weight of the input", in[1], gates, width); err != nil {
		return nil, err
	}
	for _, bias := range in[3:5] {
		if err := expect("the bias", bias, gates); err != nil {
			return nil, err
		}
	}
	saved := kernel.RecurrentSaved(&kernel.Recurrent{Cell: o.Cell, Hidden: hidden}, tokens)
	return []graph.Shape{{tokens, hidden}, {max(saved, 1)}}, nil
}

// Wrt implements graph.Differentiable.
func (Recurrent) Wrt() []bool { return []bool{true, true, true, true, true, false} }

// Grad implements graph.Differentiable.
func (o Recurrent) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	operands := append([]*graph.Node{out(0), out(1), dy}, in...)
	computed := b.ApplyAll(RecurrentGradient(o), operands...)
	if computed == nil {
		return nil
	}
	return append(computed, nil)
}

// RecurrentGradient is the gradient of Recurrent. Inputs: the two outputs of Recurrent, dy [tokens, hidden], and the inputs
// of Recurrent. Outputs: the gradients of x, both weights and both biases.
type RecurrentGradient Recurrent

// Name implements graph.Op.
func (RecurrentGradient) Name() string { return "recurrent gradient" }

// Outs implements graph.Op.
func (RecurrentGradient) Outs(in []graph.Shape) ([]graph.Shape, error) { return in[3:8], nil }
