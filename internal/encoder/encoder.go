// Package encoder turns vectors of tokens into vectors of tokens in context. ByName is the registry of --encoder.
package encoder

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// Encoder declares the parameters of an encoder and puts it on the graph: from the embedding [tokens, emb_size] to
// [tokens, hidden_size].
type Encoder func(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node

// ByName holds the encoders by their UER-py names.
var ByName = map[string]Encoder{
	"gatedcnn":    GatedConvolution,
	"rnn":         recurrent(op.TanhCell),
	"lstm":        recurrent(op.LSTMCell),
	"gru":         recurrent(op.GRUCell),
	"birnn":       twoRecurrent(op.TanhCell),
	"bilstm":      twoRecurrent(op.LSTMCell),
	"bigru":       twoRecurrent(op.GRUCell),
	"transformer": Transformer,
	"bert":        Transformer, // its name in older UER-py
}

// Sight is which tokens the encoding of a token depends on.
type Sight int

// What encoders see from a token, besides the token itself.
const (
	SeesBefore Sight = iota // the tokens before it
	SeesPrefix              // the tokens before it and the whole first segment
	SeesAll                 // all tokens of the sequence
	SeesApart               // with one half of the encoding the tokens before it, with the other those after it
)

// SightOf tells what the encoder of a model sees.
func SightOf(m config.Model) Sight {
	switch {
	case IsTransformer(m.Encoder) && m.Mask == "causal_with_prefix":
		return SeesPrefix
	case IsTransformer(m.Encoder) && m.Mask != "causal", m.Bidirectional:
		return SeesAll
	case isTwo(m.Encoder):
		return SeesApart
	}
	return SeesBefore
}

// IsTransformer tells whether the encoder of a name is the transformer.
func IsTransformer(name string) bool { return name == "transformer" || name == "bert" }
