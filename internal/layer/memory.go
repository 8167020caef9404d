package layer

import (
	"fmt"

	"uer/internal/graph"
	"uer/internal/op"
)

// Memory is what an encoder or a decoder remembers of a single text from run to run, so that a run computes the new tokens
// alone: the keys and values of attention, and the states of recurrent layers; and those of a decoder's attention to the text
// that the encoder has read. It is in the program's state, and zero where a text begins.
type Memory struct {
	Kept []graph.Kept // what the program keeps

	index     *graph.Node // [tokens] the places of the new tokens in the text
	rows      *graph.Node // [keys] one for each token of the text so far; nil if the tokens are all each time
	keyStarts *graph.Node // [2], nil in the program for the beginning, where the new tokens are all

	source       int         // the most tokens that an encoder reads for a decoder
	sourceStarts *graph.Node // [2], nil in the program for the beginning, which computes the source
	recalled     int         // arrays of the source
	remembered   int         // arrays of the text
}

// NewMemory declares the inputs for a memory of up to length tokens. The program that reads the beginning of a text takes
// any number of tokens, and the other one a single token.
func NewMemory(b *graph.Builder, batch Batch, length int, beginning bool) *Memory {
	m := &Memory{index: batch.Positions, rows: b.Input("remembered", graph.Int32, length)}
	if !beginning {
		m.keyStarts = b.Input("remembered_starts", graph.Int32, 2)
	}
	return m
}

// NewSourceMemory is the memory of a decoder that attends to up to source tokens, whose keys and values the program for the
// beginning computes. The other one takes all tokens of the output each time, unless the memory is one of the output, too.
func NewSourceMemory(b *graph.Builder, output *Memory, source int, beginning bool) *Memory {
	if output == nil {
		output = &Memory{}
	}
	output.source = source
	if !beginning {
		output.sourceStarts = b.Input("source_starts", graph.Int32, 2)
	}
	return output
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
func (m *Memory) next() string {
	m.remembered++
	return fmt.Sprintf("remembered %d", m.remembered-1)
}

// attend gives an attention the keys and values of the text so far.
func (m *Memory) attend(b *graph.Builder, o *op.Attention, inputs *op.AttentionInputs[*graph.Node]) {
	if m.rows == nil {
		return
	}
	inputs.Key, inputs.Value = m.remember(b, inputs.Key), m.remember(b, inputs.Value)
	if m.keyStarts != nil { // the new token sees all keys
		o.Cross, o.Causal, o.Prefix = true, false, false
		inputs.KeyStarts, inputs.Prefix = m.keyStarts, nil
	}
}

// attendSource gives an attention the keys and values of the source, each [source tokens, width].
func (m *Memory) attendSource(b *graph.Builder, inputs *op.AttentionInputs[*graph.Node], width int,
	key, value func() *graph.Node) {
	inputs.Key, inputs.Value = m.recall(b, width, key), m.recall(b, width, value)
	if m.sourceStarts != nil {
		inputs.KeyStarts = m.sourceStarts
	}
}

// recall returns what was computed of the source [source tokens, width], or computes it.
func (m *Memory) recall(b *graph.Builder, width int, compute func() *graph.Node) *graph.Node {
	name := fmt.Sprintf("source %d", m.recalled)
	m.recalled++
	state := b.State(name, m.source, width) // all of it, of which the attention's lengths hide what the source lacks
	if m.sourceStarts != nil {
		return state
	}
	x := compute()
	m.Kept = append(m.Kept, graph.Kept{Name: name, Node: x})
	return x
}
