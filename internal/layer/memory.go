package layer

import (
	"fmt"

	"uer/internal/graph"
	"uer/internal/op"
)

// Memory is what an encoder remembers of a single text from run to run, so that a run computes the new tokens alone: the
// keys and values of attention, and the states of recurrent layers. It is in the program's state, and zero where a text
// begins.
type Memory struct {
	Kept []graph.Kept // what the program keeps

	length    int         // the most tokens of the text
	index     *graph.Node // [tokens] the places of the new tokens in the text
	rows      *graph.Node // [keys] one for each token of the text so far
	keyStarts *graph.Node // [2], nil in the program for the beginning, where the new tokens are all
}

// NewMemory declares the inputs for a memory of up to length tokens. The program that reads the beginning of a text takes
// any number of tokens, and the other one a single token.
func NewMemory(b *graph.Builder, batch Batch, length int, beginning bool) *Memory {
	m := &Memory{length: length, index: batch.Positions, rows: b.Input("remembered", graph.Int32, length)}
	if !beginning {
		m.keyStarts = b.Input("remembered_starts", graph.Int32, 2)
	}
	return m
}

// remember adds rows x [tokens, width] to those of the tokens before and returns them all, [keys, width].
func (m *Memory) remember(b *graph.Builder, x *graph.Node) *graph.Node {
	all := b.Apply(op.Scatter{}, x, m.index, m.rows)
	m.Kept = append(m.Kept, graph.Kept{Name: m.next(), Node: all, Add: true})
	return all
}

// recur applies a cell, whose state comes last among the operands.
func (m *Memory) recur(b *graph.Builder, cell op.Cell, operands []*graph.Node) *graph.Node {
	name := m.next()
	hidden := graph.Dimensions(operands[2])[1]
	state := b.State(name, 1, cell.States()*hidden)
	outs := b.ApplyAll(op.RecurrentFrom{Cell: cell}, append(operands, state)...)
	if outs == nil {
		return nil
	}
	m.Kept = append(m.Kept, graph.Kept{Name: name, Node: outs[1]})
	return outs[0]
}

// next is a new name of something remembered.
func (m *Memory) next() string { return fmt.Sprintf("remembered %d", len(m.Kept)) }

// attend gives an attention the keys and values of the text so far.
func (m *Memory) attend(b *graph.Builder, o *op.Attention, inputs *op.AttentionInputs[*graph.Node]) {
	inputs.Key, inputs.Value = m.remember(b, inputs.Key), m.remember(b, inputs.Value)
	if m.keyStarts != nil { // the new token sees all keys
		o.Cross, o.Causal, inputs.KeyStarts = true, false, m.keyStarts
	}
}
