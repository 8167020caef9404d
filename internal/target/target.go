// Package target turns encoded tokens into losses. ByName is the registry of --target. What a target trains on is in
// package task; here is what it computes.
package target

import (
	"slices"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// Target is the computation of a target with the facts that a model is checked by.
type Target struct {
	// Build declares the parameters and adds the target to the graph, from the encoder's output x [tokens, hidden_size].
	Build func(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Losses

	Needs []string // settings that it cannot do without
	Uses  []string // optional settings that change it

	// OutputWidth returns the width of the layer that scores the vocabulary; nil if there is none.
	OutputWidth func(m config.Model) int

	// Blocks returns the number of blocks that Build puts on the graph; nil if there are none.
	Blocks func(m config.Model) int

	// ReadsPadding reports whether padding that is kept changes the losses, even where it does not change the encoding of
	// other tokens; nil if it never does.
	ReadsPadding func(m config.Model) bool
}

// Reads reports whether the target needs or uses a setting.
func (t Target) Reads(setting string) bool {
	return slices.Contains(t.Needs, setting) || slices.Contains(t.Uses, setting)
}

// Losses are the results of a target.
type Losses struct {
	Total *graph.Node // scalar, what training minimises
	Heads []Head
}

// Head is one prediction of a target.
type Head struct {
	Name    string      // tells the heads of one target apart in reports
	Loss    *graph.Node // scalar, mean over the predictions
	Correct *graph.Node // scalar, number of correct predictions
	Labels  string      // the input that holds the labels; their number is the number of predictions
	Tokens  bool        // it predicts tokens of a vocabulary, not the class of a text

	hidden, weight, bias *graph.Node // [predictions, width], [classes, width], [classes] or nil
}

// Logits adds the scores of all classes to the graph: [predictions, classes]. The loss is computed without them.
func (h Head) Logits(b *graph.Builder) *graph.Node {
	linear := op.Linear{Bias: h.bias != nil}
	inputs := op.LinearInputs[*graph.Node]{X: h.hidden, Weight: h.weight, Bias: h.bias}
	return b.Apply(linear, inputs.List(linear)...)
}

// ByName holds the targets by UER-py's names.
var ByName = map[string]Target{
	"mlm":      maskedLanguageModel,
	"lm":       languageModel,
	"bilm":     bidirectionalLanguageModel,
	"cls":      classification,
	"prefixlm": languageModel,
	"seq2seq":  sequenceToSequence,
	"t5":       collapsedToSequence,
	"bert":     maskedSentencePair("nsp"),
	"albert":   maskedSentencePair("sop"),
}
