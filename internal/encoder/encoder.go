// Package encoder turns vectors of tokens into vectors of tokens in context. ByName is the registry of --encoder. An
// encoder is one file, which defines an Encoder, and one line in ByName: models are checked by its facts, not its name.
package encoder

import (
	"slices"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
	"uer/internal/task"
)

// Encoder is an encoder with the facts that a model is checked by.
type Encoder struct {
	// Build declares the parameters and adds the encoder to the graph: from the embedding x [tokens, emb_size] to
	// [tokens, hidden_size].
	Build func(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node

	// Context returns what the encoding of a token depends on.
	Context func(m config.Model) task.Context

	// Blocks returns the number of blocks that Build puts on the graph, whose activations Recompute computes again.
	Blocks func(m config.Model) int

	// Remembers reports whether Build can use a layer.Memory, so that a text is encoded token by token, from the end of a
	// first segment on whose tokens see each other; nil if it cannot.
	Remembers func(m config.Model) bool

	// Reach returns the number of tokens, up to itself, that the encoding of a token depends on; nil if it has no limit.
	Reach func(m config.Model) int

	Needs []string // settings that it cannot do without, besides emb_size, hidden_size and layers_num
	Uses  []string // optional settings that change it

	SameWidth bool // emb_size must be hidden_size, unless the embedding is factorized
	Backward  bool // one half of hidden_size reads from the last token to the first, as with the setting bidirectional
}

// Reads reports whether the encoder needs or uses a setting.
func (e Encoder) Reads(setting string) bool {
	return slices.Contains(e.Needs, setting) || slices.Contains(e.Uses, setting)
}

// ByName holds the encoders by UER-py's names.
var ByName = map[string]Encoder{
	"gatedcnn":    gatedConvolution,
	"rnn":         recurrent(op.TanhCell),
	"lstm":        recurrent(op.LSTMCell),
	"gru":         recurrent(op.GRUCell),
	"birnn":       splitBidirectional(op.TanhCell),
	"bilstm":      splitBidirectional(op.LSTMCell),
	"bigru":       splitBidirectional(op.GRUCell),
	"transformer": transformer,
	"bert":        transformer, // its name in older UER-py
}

// past is the context of an encoder that never looks ahead.
func past(config.Model) task.Context { return task.Past }

// layers is the number of blocks of an encoder that makes a block of each layer.
func layers(m config.Model) int { return m.LayersNumber }
