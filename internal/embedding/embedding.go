// Package embedding turns tokens into vectors, [tokens, emb_size]. ByName is the registry of --embedding.
//
// An embedding is a sum of rows of tables: of the token, of its position and of its segment, as its name says.
package embedding

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// Embedding is an embedding with the facts that a model is checked by.
type Embedding struct {
	// Build declares the parameters and adds the embedding to the graph; the result is [tokens, emb_size].
	Build func(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch) *graph.Node

	Positions bool // it has a vector for each of max_seq_length positions
	Sinusoids bool // it consists of pairs of sine and cosine, so that emb_size must be even
}

// ByName holds the embeddings by UER-py's names.
var ByName = map[string]Embedding{
	"word":         {Build: Word},
	"word_pos":     {Build: WordPosition, Positions: true},
	"word_pos_seg": {Build: WordPositionSegment, Positions: true},

	"word_sinusoidalpos": {Build: WordSinusoidal, Positions: true, Sinusoids: true},
}

// segmentRows is the number of rows of the segment table: padding, first and second segment.
const segmentRows = 3

// Word is one vector per token (ELMo, recurrent and convolutional models).
func Word(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch) *graph.Node {
	return sum(s, m, batch, lookup{wordTable(s, m, vocabularySize), batch.Tokens})
}

// WordPosition adds a vector for the position (GPT).
func WordPosition(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch) *graph.Node {
	return sum(s, m, batch,
		lookup{wordTable(s, m, vocabularySize), batch.Tokens},
		lookup{positionTable(s, m), batch.Positions})
}

// WordPositionSegment adds vectors for the position and the segment (BERT).
func WordPositionSegment(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch) *graph.Node {
	return sum(s, m, batch,
		lookup{wordTable(s, m, vocabularySize), batch.Tokens},
		lookup{positionTable(s, m), batch.Positions},
		lookup{s.In("segment_embedding").Parameter("weight", segmentRows, m.EmbeddingSize), batch.Segments})
}

func wordTable(s graph.Scope, m config.Model, vocabularySize int) *graph.Node {
	return s.In("word_embedding").Parameter("weight", vocabularySize, m.EmbeddingSize)
}

func positionTable(s graph.Scope, m config.Model) *graph.Node {
	return s.In("position_embedding").Parameter("weight", m.MaxSequenceLength, m.EmbeddingSize)
}

// lookup is a table [rows, emb_size] and the rows [tokens] to read from it.
type lookup struct{ table, ids *graph.Node }

// sum adds up rows of tables, normalises the sum unless remove_embedding_layernorm is set, and applies dropout.
func sum(s graph.Scope, m config.Model, batch layer.Batch, lookups ...lookup) *graph.Node {
	operands := make([]*graph.Node, 2*len(lookups))
	for i, l := range lookups {
		operands[i], operands[len(lookups)+i] = l.table, l.ids
	}
	x := s.Apply(op.Embedding{Tables: len(lookups), Scale: 1}, operands...) // [tokens, emb_size]
	if !m.RemoveEmbeddingLayerNorm {
		x = layer.NewNorm(s.In("layer_norm"), m, m.EmbeddingSize).Apply(s.Builder, x)
	}
	return layer.Dropout(s.Builder, batch, m.Dropout, x)
}
