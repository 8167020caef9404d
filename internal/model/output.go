package model

import (
	"fmt"

	"uer/internal/config"
	"uer/internal/encoder"
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
	batch := newBatch(b, limits)
	x := encode(b, m, vocabularySize, batch)
	return compileOutput(b, target.Poolings[pooling].Build(b.Scope(), batch, x), nil)
}

// Generation is the programs that write a text token by token: their rows are the scores of the vocabulary [1, vocabulary]
// for the token after the last one. They share a memory.
type Generation struct {
	Beginning *Output // reads any number of tokens
	Next      *Output // reads one more token, and remembers those before; nil if the encoder can remember nothing
	Reach     int     // tokens up to the last one that the scores depend on; 0 for all
}

// NewGeneration builds the programs for texts of up to length tokens.
func NewGeneration(m config.Model, vocabularySize, length int) (*Generation, error) {
	e := encoder.ByName[m.Encoder]
	remembers := e.Remembers != nil && e.Remembers(m)
	g := &Generation{}
	if e.Reach != nil {
		g.Reach = e.Reach(m)
	}
	var err error
	if g.Beginning, err = newGenerating(m, vocabularySize, length, true, remembers); err != nil || !remembers {
		return g, err
	}
	g.Next, err = newGenerating(m, vocabularySize, length, false, true)
	return g, err
}

func newGenerating(m config.Model, vocabularySize, length int, beginning, remembers bool) (*Output, error) {
	if err := Check(m); err != nil {
		return nil, err
	}
	m = untrained(m)
	limits := Limits{Sequences: 1, Length: length, Tokens: length, Predictions: 1}
	if !beginning {
		limits.Tokens = 1
	}
	b := graph.NewBuilder()
	batch := newBatch(b, limits)
	if remembers {
		batch.Memory = layer.NewMemory(b, batch, length, beginning)
	}
	x := encode(b, m, vocabularySize, batch)
	losses := target.ByName[m.Target].Build(b.Scope().In("target"), m, vocabularySize, batch, x)
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("building the model: %w", err)
	}
	scores, err := logits(b, losses, "lm")
	if err != nil {
		return nil, err
	}
	return compileOutput(b, scores, batch.Memory)
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
