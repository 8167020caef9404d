// Package encoder turns vectors of tokens into vectors of tokens in context. ByName is the registry of --encoder.
package encoder

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
)

// Encoder declares the parameters of an encoder and puts it on the graph: from the embedding [tokens, emb_size] to
// [tokens, hidden_size].
type Encoder func(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node

// ByName holds the encoders by their UER-py names.
var ByName = map[string]Encoder{
	"transformer": Transformer,
	"bert":        Transformer, // its name in older UER-py
}
