// Package embedding turns tokens into vectors. ByName is the registry of --embedding.
package embedding

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
)

// Embedding declares the parameters of an embedding and puts it on the graph: [tokens, emb_size].
type Embedding func(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch) *graph.Node

// ByName holds the embeddings by their UER-py names.
var ByName = map[string]Embedding{
	"word_pos_seg": WordPositionSegment,
}
