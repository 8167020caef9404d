package target

import (
	"cmp"
	"strconv"

	"uer/internal/config"
	"uer/internal/embedding"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// SequenceToSequence predicts the tokens of a second text from the encoded first one with a transformer decoder; T5 is
// the same on masked spans. The vocabulary is that of the second text. The decoder has decoder_layers_num layers, by default
// as many as the encoder, and an embedding of its own, which share_embedding makes share its word table with the encoder's.
func SequenceToSequence(s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node) Losses {
	embed := embedding.ByName[m.TargetEmbedding]
	weight, bias := outputLayer(s, m, vocabularySize, m.HiddenSize)
	if m.ShareEmbedding {
		s.In("embedding").In("word_embedding").Share("weight", s.Named("embedding.word_embedding.weight"))
	}
	written := batch.Output
	y := embed(s.In("embedding"), m, vocabularySize, *written) // [output tokens, emb_size]
	y = decode(s.In("decoder"), m, *written, batch, y, x)

	picked, labels := predicted(s, *written, y)
	head := classify(s, "lm", picked, weight, bias, labels)
	return Losses{Total: head.Loss, Heads: []Head{head}}
}

// decode is the stack of decoder layers over y [output tokens, hidden].
func decode(s graph.Scope, m config.Model, batch, source layer.Batch, y, memory *graph.Node) *graph.Node {
	blocks := make([]layer.DecoderLayer, cmp.Or(m.DecoderLayers, m.LayersNumber))
	for i := range blocks {
		var err error
		if blocks[i], err = layer.NewDecoderLayer(s.In("transformer_decoder").In(strconv.Itoa(i)), m); err != nil {
			s.Fail(err)
			return nil
		}
	}
	finish := func(y *graph.Node) *graph.Node { return y }
	if m.LayerNormPositioning == "pre" {
		norm := layer.NewTransformerNorm(s.In("layer_norm"), m)
		finish = func(y *graph.Node) *graph.Node { return norm.Apply(s.Builder, y) }
	}
	var bias *graph.Node // [heads, 2·length−1]
	if m.RelativePositionEmbedding {
		table := s.In("self_pos_emb").In("relative_attention_bias").
			Parameter("weight", m.RelativeAttentionBucketsNumber, m.HeadsNumber)
		bias = s.Apply(op.PositionBias{MaxLength: batch.Length}, table)
	}
	for _, block := range blocks {
		y = s.Block(func() *graph.Node { // [output tokens, hidden]
			return block.Apply(s.Builder, batch, source, y, memory, bias)
		})
	}
	return finish(y)
}
