// Package target turns encoded tokens into losses. ByName is the registry of --target.
package target

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
)

// Target declares the parameters of a target and puts it on the graph, from the encoder's output [tokens, hidden_size].
type Target func(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Losses

// Losses are what a target computes.
type Losses struct {
	Total *graph.Node // scalar, what training minimises
	Heads []Head
}

// Head is one prediction of a target.
type Head struct {
	Name    string      // tells the heads of one target apart in reports
	Loss    *graph.Node // scalar, mean over the predictions
	Correct *graph.Node // scalar, number of right predictions
	Labels  string      // the input that holds the labels; their number is the number of predictions
}

// ByName holds the targets by their UER-py names.
var ByName = map[string]Target{
	"mlm":      MaskedLanguageModel,
	"lm":       LanguageModel,
	"bilm":     BidirectionalLanguageModel,
	"cls":      Classification,
	"prefixlm": LanguageModel,
	"seq2seq":  SequenceToSequence,
	"t5":       SequenceToSequence,
	"bert":     BERT,
	"albert":   ALBERT,
}
