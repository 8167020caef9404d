// Package encoder turns vectors of tokens into vectors of tokens in context. ByName is the registry of --encoder.
package encoder

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/layer"
)

// Encoder declares the parameters of an encoder and puts it on the graph: from the embedding [tokens, emb_size] to
// [tokens, hidden_size].
type Encoder func(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node

// ByName holds the encoders by their UER-py names.
var ByName = map[string]Encoder{
	"rnn":         recurrent(kernel.TanhCell),
	"lstm":        recurrent(kernel.LSTMCell),
	"gru":         recurrent(kernel.GRUCell),
	"birnn":       twoRecurrent(kernel.TanhCell),
	"bilstm":      twoRecurrent(kernel.LSTMCell),
	"bigru":       twoRecurrent(kernel.GRUCell),
	"transformer": Transformer,
	"bert":        Transformer, // its name in older UER-py
}
