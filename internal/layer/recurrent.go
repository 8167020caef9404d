package layer

import (
	"fmt"

	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// Recurrent is one layer of a recurrent network in one direction.
type Recurrent struct {
	op                   op.Recurrent
	weightInput          *graph.Node // [gates·hidden, in]
	weightState          *graph.Node // [gates·hidden, hidden]
	biasInput, biasState *graph.Node // [gates·hidden]
}

// NewRecurrent declares layer number index of a stack, by PyTorch's names.
func NewRecurrent(s graph.Scope, cell kernel.Cell, index, in, hidden int, reverse bool) Recurrent {
	suffix := fmt.Sprintf("_l%d", index)
	if reverse {
		suffix += "_reverse"
	}
	width := cell.Gates() * hidden
	return Recurrent{
		op:          op.Recurrent{Cell: cell, Reverse: reverse},
		weightInput: s.Parameter("weight_ih"+suffix, width, in),
		weightState: s.Parameter("weight_hh"+suffix, width, hidden),
		biasInput:   s.Parameter("bias_ih"+suffix, width),
		biasState:   s.Parameter("bias_hh"+suffix, width),
	}
}

// Reversed is the layer running from the last token to the first. Its parameters stay the same.
func (r Recurrent) Reversed() Recurrent {
	r.op.Reverse = !r.op.Reverse
	return r
}

// Apply maps x [tokens, in] to [tokens, hidden].
func (r Recurrent) Apply(b *graph.Builder, batch Batch, x *graph.Node) *graph.Node {
	return b.Apply(r.op, x, r.weightInput, r.weightState, r.biasInput, r.biasState, batch.Starts)
}
