package model

import (
	"fmt"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/target"
)

// Output is a program, without gradients, that leaves rows of numbers in its state, where the host reads them.
type Output struct {
	Program *graph.Program
	Rows    graph.State // [rows, Width]
	Width   int
}

// NewLogits builds the program that scores the whole vocabulary by one head of a model, for the tokens of the input
// predicted: [predictions, vocabulary]. If the model has no such head, the error names those that it has.
func NewLogits(m config.Model, vocabularySize int, limits Limits, head string) (*Output, error) {
	b, losses, err := buildForward(m, vocabularySize, limits)
	if err != nil {
		return nil, err
	}
	scores, err := logits(b, losses, head)
	if err != nil {
		return nil, err
	}
	return compileOutput(b, scores, nil)
}

// NewEncoding builds the program that reduces the encoding of each sequence to one vector, [sequences, hidden_size].
func NewEncoding(m config.Model, vocabularySize int, limits Limits, pooling string) (*Output, error) {
	if err := Check(m); err != nil {
		return nil, err
	}
	m = untrained(m)
	b := graph.NewBuilder()
	b.Activations = limits.Activations
	batch := newBatch(b, limits)
	x := encode(b, m, vocabularySize, batch)
	return compileOutput(b, target.Poolings[pooling].Build(b.Scope(), batch, x), nil)
}

// Generation is the programs that write a text token by token: their rows are the scores of the vocabulary [1, vocabulary]
// for the token after the last one. They share a memory. Where the model has a decoder, that writes the text, and the encoder
// reads another one, the source.
type Generation struct {
	Beginning *Output // reads any number of tokens
	Next      *Output // reads what follows, and remembers what came before; nil if the model can remember nothing

	// Remembers tells whether Next reads one more token of the text. If not, it reads the whole text, and remembers the source.
	Remembers bool

	Reach  int // tokens up to the last one that the scores depend on; 0 for all
	Source int // the most tokens of the source; 0 without a decoder
}

// NewGeneration builds the programs for texts of up to limits.Length tokens or, of a model with a decoder, of up to
// limits.Output tokens from sources of up to limits.Length.
func NewGeneration(m config.Model, vocabularySize int, limits Limits) (*Generation, error) {
	p, err := find(m)
	if err == nil {
		err = Check(m)
	}
	if err != nil {
		return nil, err
	}
	g := &Generation{}
	switch {
	case p.task.Decoder:
		g.Source, g.Remembers = limits.Length, target.DecoderRemembers(m)
	case p.encoder.Remembers != nil && p.encoder.Remembers(m):
		g.Remembers = true
	case p.encoder.Reach != nil:
		g.Reach = p.encoder.Reach(m)
	}
	if g.Beginning, err = g.build(m, vocabularySize, limits, true); err != nil {
		return nil, err
	}
	if g.Remembers || g.Source > 0 {
		g.Next, err = g.build(m, vocabularySize, limits, false)
	}
	return g, err
}

func (g *Generation) build(m config.Model, vocabularySize int, limits Limits, beginning bool) (*Output, error) {
	m = untrained(m)
	sizes := layer.Sizes{Sequences: 1, Length: limits.Length, Output: limits.Output, Predictions: 1}
	if g.Remembers && !beginning {
		sizes.Tokens, sizes.OutputTokens = 1, 1
	}
	if g.Source > 0 {
		sizes.Tokens = limits.Length
	}
	b := graph.NewBuilder()
	b.Activations = limits.Activations
	batch := layer.NewBatch(b, sizes)
	text, length := &batch, limits.Length
	if g.Source > 0 {
		text, length = batch.Output, limits.Output
	}
	if g.Remembers {
		text.Memory = layer.NewMemory(b, *text, length, beginning)
	}
	if g.Source > 0 {
		text.Memory = layer.NewSourceMemory(b, text.Memory, g.Source, beginning)
	}
	losses, err := composed(b, m, vocabularySize, limits, batch)
	if err != nil {
		return nil, err
	}
	scores, err := logits(b, losses, "lm")
	if err != nil {
		return nil, err
	}
	return compileOutput(b, scores, text.Memory)
}

// logits puts the scores of a head on the graph.
func logits(b *graph.Builder, losses target.Losses, name string) (*graph.Node, error) {
	var names []string
	for _, head := range losses.Heads {
		if head.Name == name {
			return head.Logits(b), nil
		}
		names = append(names, head.Name)
	}
	return nil, fmt.Errorf("the model has no head %s, but %s", name, enumerate(names, "and"))
}

// compileOutput compiles the program that keeps rows, and what an encoder remembers.
func compileOutput(b *graph.Builder, rows *graph.Node, memory *layer.Memory) (*Output, error) {
	var kept []graph.Kept
	if memory != nil {
		kept = memory.Kept
	}
	program, err := b.CompileForward(nil, append(kept, graph.Kept{Name: "rows", Node: rows})...)
	if err != nil {
		return nil, fmt.Errorf("compiling the model: %w", err)
	}
	state, _ := program.FindState("rows")
	return &Output{Program: program, Rows: state, Width: graph.Dimensions(rows)[1]}, nil
}
