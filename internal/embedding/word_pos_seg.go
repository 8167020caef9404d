package embedding

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// segmentRows are the rows of the segment table: padding, first and second segment.
const segmentRows = 3

// WordPositionSegment is the sum of a word, a position and a segment vector (BERT).
func WordPositionSegment(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch) *graph.Node {
	word := s.In("word_embedding").Parameter("weight", vocabularySize, m.EmbeddingSize)
	position := s.In("position_embedding").Parameter("weight", m.MaxSequenceLength, m.EmbeddingSize)
	segment := s.In("segment_embedding").Parameter("weight", segmentRows, m.EmbeddingSize)
	finish := newFinish(s, m)
	sum := s.Apply(op.Embedding{Tables: 3, Scale: 1},
		word, position, segment, batch.Tokens, batch.Positions, batch.Segments) // [tokens, emb_size]
	return finish(sum, batch)
}

// newFinish declares what follows the sum of an embedding: normalisation, unless removed, and dropout.
func newFinish(s graph.Scope, m config.Model) func(sum *graph.Node, batch layer.Batch) *graph.Node {
	if m.RemoveEmbeddingLayerNorm {
		return func(sum *graph.Node, batch layer.Batch) *graph.Node {
			return layer.Dropout(s.Builder, batch, m.Dropout, sum)
		}
	}
	norm := layer.NewNorm(s.In("layer_norm"), m.EmbeddingSize)
	return func(sum *graph.Node, batch layer.Batch) *graph.Node {
		return layer.Dropout(s.Builder, batch, m.Dropout, norm.Apply(s.Builder, sum))
	}
}
