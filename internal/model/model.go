// Package model composes an embedding, an encoder and a target into a model.
//
// [New] builds the graph of a model for batches within [Limits] and compiles it; [NewForward] does so for evaluation. The
// resulting [Model] is a program and its [Head]s, which say where the loss and the accuracy of each prediction are among the
// outputs. [Initialize] draws the
// initial parameters. [Check] rejects settings that do not go together, by the facts that the registries of encoders and
// targets hold; it needs no data.
package model

import (
	"cmp"
	"fmt"
	"strings"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/embedding"
	"uer/internal/encoder"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/target"
)

// Limits are what a program is made for: the largest batches, and a device that stores activations in some type.
type Limits struct {
	Sequences int
	Length    int // tokens in a sequence
	Output    int // tokens in a sequence of the decoder; 0 without a decoder

	OutputVocabulary int // size of the vocabulary that the target predicts; 0 if it is that of the encoder

	Activations graph.Type // that of the device
	Tokens      int        // in all sequences together; 0 if all may have the full length
	Predictions int        // tokens that are predicted; 0 if all may be
}

// Model is a compiled model.
type Model struct {
	Program *graph.Program
	Heads   []Head
}

// Head is one prediction of a model, with the place of its figures among the outputs of the program.
type Head struct {
	Name          string
	Labels        string // the input whose length is the number of predictions
	Tokens        bool   // it predicts tokens of a vocabulary, not the class of a text
	Loss, Correct int    // indices of outputs

	Logits  graph.State // where its logits are [predictions, Classes], if the program keeps them
	Classes int
}

// New builds a model for a vocabulary, within the given limits. Its errors include those of [Check].
func New(m config.Model, vocabularySize int, limits Limits) (*Model, error) {
	if err := Check(m); err != nil {
		return nil, err
	}
	return compile(m, vocabularySize, limits)
}

func compile(m config.Model, vocabularySize int, limits Limits) (*Model, error) {
	b, losses, err := build(m, vocabularySize, limits)
	if err != nil {
		return nil, err
	}
	model, outputs := headsOf(losses)
	if model.Program, err = b.Compile(losses.Total, outputs...); err != nil {
		return nil, fmt.Errorf("compiling the model: %w", err)
	}
	return model, nil
}

// headsOf returns a model without a program, and the outputs that its heads number. Output 0 is the total loss.
func headsOf(losses target.Losses) (*Model, []*graph.Node) {
	model := &Model{}
	var outputs []*graph.Node
	for _, head := range losses.Heads {
		outputs = append(outputs, head.Loss, head.Correct)
		model.Heads = append(model.Heads, Head{
			Name: head.Name, Labels: head.Labels, Tokens: head.Tokens, Loss: len(outputs) - 1, Correct: len(outputs),
		})
	}
	return model, outputs
}

func build(m config.Model, vocabularySize int, limits Limits) (*graph.Builder, target.Losses, error) {
	b := graph.NewBuilder()
	b.Recompute, b.Activations = m.Recompute, limits.Activations
	losses, err := composed(b, m, vocabularySize, limits, newBatch(b, limits))
	return b, losses, err
}

// composed puts a model on the graph.
func composed(b *graph.Builder, m config.Model, vocabularySize int, limits Limits, batch layer.Batch) (target.Losses, error) {
	predicted := cmp.Or(limits.OutputVocabulary, vocabularySize)
	if predicted != vocabularySize && (m.TieWeights || m.ShareEmbedding) {
		return target.Losses{}, console.Hint(fmt.Errorf(
			"tie_weights and share_embedding need one vocabulary, but the source has %d tokens and the target %d",
			vocabularySize, predicted), "leave them out, or make the dataset with one vocabulary for both")
	}
	losses := target.ByName[m.Target].Build(b.Scope().In("target"), m, predicted, batch, encode(b, m, vocabularySize, batch))
	if err := b.Err(); err != nil {
		return losses, fmt.Errorf("building the model: %w", err)
	}
	return losses, nil
}

func newBatch(b *graph.Builder, limits Limits) layer.Batch {
	return layer.NewBatch(b, layer.Sizes{
		Sequences: limits.Sequences, Length: limits.Length, Output: limits.Output,
		Tokens: limits.Tokens, Predictions: limits.Predictions,
	})
}

// encode puts embedding and encoder on the graph and returns the encoded tokens, [tokens, hidden_size].
func encode(b *graph.Builder, m config.Model, vocabularySize int, batch layer.Batch) *graph.Node {
	s := b.Scope()
	x := embedding.ByName[m.Embedding].Build(s.In("embedding"), m, vocabularySize, batch) // [tokens, emb_size]
	return encoder.ByName[m.Encoder].Build(s.In("encoder"), m, batch, x)                  // [tokens, hidden_size]
}

// isNormGain reports whether a parameter multiplies normalised values. Such parameters start at 1.
func isNormGain(name string) bool {
	return strings.HasSuffix(name, "gamma") || strings.Contains(name, "layer_norm") && strings.HasSuffix(name, "weight")
}
