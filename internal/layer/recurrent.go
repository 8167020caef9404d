package layer

import (
	"fmt"

	"uer/internal/graph"
	"uer/internal/op"
)

// Recurrent is one direction of one layer of a recurrent network.
type Recurrent struct {
	cell                 op.Cell
	weightInput          *graph.Node // [gates·hidden, in]
	weightState          *graph.Node // [gates·hidden, hidden]
	biasInput, biasState *graph.Node // [gates·hidden]
}

// NewRecurrent declares layer number index of a stack, under PyTorch's names.
func NewRecurrent(s graph.Scope, cell op.Cell, index, in, hidden int) Recurrent {
	return newRecurrent(s, cell, fmt.Sprintf("_l%d", index), in, hidden)
}

// NewReverseRecurrent declares the reverse direction of layer number index of a bidirectional stack.
func NewReverseRecurrent(s graph.Scope, cell op.Cell, index, in, hidden int) Recurrent {
	return newRecurrent(s, cell, fmt.Sprintf("_l%d_reverse", index), in, hidden)
}

func newRecurrent(s graph.Scope, cell op.Cell, suffix string, in, hidden int) Recurrent {
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

// Continue is Apply for the new tokens of a text whose earlier ones are in the batch's memory.
func (r Recurrent) Continue(b *graph.Builder, batch Batch, x *graph.Node) *graph.Node {
	return batch.Memory.recur(b, r.cell, []*graph.Node{
		x, r.weightInput, r.weightState, r.biasInput, r.biasState, batch.Starts,
	})
}

// ApplyBoth maps x [tokens, in] to [tokens, 2·hidden]: the states of r, from the first token to the last, beside those of
// reverse, from the last to the first.
func (r Recurrent) ApplyBoth(b *graph.Builder, batch Batch, x *graph.Node, reverse Recurrent) *graph.Node {
	return applyRecurrent(b, op.Recurrent{}, batch, x, r, reverse)
}

// ApplySplit is ApplyBoth for x [tokens, 2·in], of which each direction reads its own half.
func (r Recurrent) ApplySplit(b *graph.Builder, batch Batch, x *graph.Node, reverse Recurrent) *graph.Node {
	return applyRecurrent(b, op.Recurrent{SplitInput: true}, batch, x, r, reverse)
}

func applyRecurrent(b *graph.Builder, o op.Recurrent, batch Batch, x *graph.Node, directions ...Recurrent) *graph.Node {
	o.Cell, o.Directions = directions[0].cell, len(directions)
	operands := []*graph.Node{x}
	for _, r := range directions {
		operands = append(operands, r.weightInput, r.weightState, r.biasInput, r.biasState)
	}
	return b.Apply(o, append(operands, batch.Starts)...)
}
