package layer

import (
	"fmt"

	"uer/internal/graph"
	"uer/internal/op"
)

// Recurrent holds the parameters of one layer of a recurrent network in one direction.
type Recurrent struct {
	cell                 op.Cell
	weightInput          *graph.Node // [gates·hidden, in]
	weightState          *graph.Node // [gates·hidden, hidden]
	biasInput, biasState *graph.Node // [gates·hidden]
}

// NewRecurrent declares layer number index of a stack, by PyTorch's names; those of a bidirectional stack tell which of
// its layers is reverse.
func NewRecurrent(s graph.Scope, cell op.Cell, index, in, hidden int, reverse bool) Recurrent {
	suffix := fmt.Sprintf("_l%d", index)
	if reverse {
		suffix += "_reverse"
	}
	width := cell.Gates() * hidden
	return Recurrent{
		cell:        cell,
		weightInput: s.Parameter("weight_ih"+suffix, width, in),
		weightState: s.Parameter("weight_hh"+suffix, width, hidden),
		biasInput:   s.Parameter("bias_ih"+suffix, width),
		biasState:   s.Parameter("bias_hh"+suffix, width),
	}
}

// Apply maps x [tokens, in] to [tokens, hidden], from the first token to the last.
func (r Recurrent) Apply(b *graph.Builder, batch Batch, x *graph.Node) *graph.Node {
	return applyRecurrent(b, op.Recurrent{}, batch, x, r)
}

// ApplyBoth maps x [tokens, in] to [tokens, 2·hidden]: the states of r, from the first token to the last, beside those of
// reverse, from the last to the first. If apart, x is [tokens, 2·in], one half for each.
func (r Recurrent) ApplyBoth(b *graph.Builder, batch Batch, x *graph.Node, reverse Recurrent, apart bool) *graph.Node {
	return applyRecurrent(b, op.Recurrent{SplitInput: apart}, batch, x, r, reverse)
}

func applyRecurrent(b *graph.Builder, o op.Recurrent, batch Batch, x *graph.Node, directions ...Recurrent) *graph.Node {
	o.Cell, o.Directions = directions[0].cell, len(directions)
	operands := []*graph.Node{x}
	for _, r := range directions {
		operands = append(operands, r.weightInput, r.weightState, r.biasInput, r.biasState)
	}
	return b.Apply(o, append(operands, batch.Starts)...)
}
