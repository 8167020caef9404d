package target

import (
	"cmp"
	"slices"
	"strconv"

	"uer/internal/config"
	"uer/internal/embedding"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// sequenceToSequence predicts the tokens of a second text from the encoded first one, with a transformer decoder. The
// vocabulary is that of the second text. The decoder has decoder_layers_num layers, by default as many as the encoder, and
// its own embedding, which shares the encoder's word table with share_embedding.
var sequenceToSequence = Target{
	Build:       buildSequenceToSequence,
	Needs:       layer.TransformerNeeds,
	Uses:        slices.Concat(outputLayerUses, decoderUses, layer.TransformerUses),
	OutputWidth: hiddenSize,
	Blocks:      decoderLayers,
}

// collapsedToSequence is the same for masked spans (T5). Its encoder reads padding as text, as UER-py's does.
var collapsedToSequence = func() Target {
	t := sequenceToSequence
	t.ReadsPadding = func(config.Model) bool { return true }
	return t
}()

// decoderUses are the optional settings of the decoder, besides those of its layers.
var decoderUses = []string{"share_embedding", "tgt_embedding", "decoder_layers_num"}

func decoderLayers(m config.Model) int { return cmp.Or(m.DecoderLayers, m.LayersNumber) }

func buildSequenceToSequence(
	s graph.Scope, m config.Model, vocabularySize int, batch layer.Batch, x *graph.Node,
) Losses {
	embed := embedding.ByName[m.TargetEmbedding].Build
	weight, bias := outputLayer(s, m, vocabularySize, m.HiddenSize)
	if m.ShareEmbedding {
		s.In("embedding").In("word_embedding").Share("weight", s.Named("embedding.word_embedding.weight"))
	}
	output := *batch.Output
	y := embed(s.In("embedding"), m, vocabularySize, output) // [output tokens, emb_size]
	y = decode(s.In("decoder"), m, output, batch, y, x)      // [output tokens, hidden]

	picked, labels := predicted(s, output, y)
	head := predictTokens(s, m, "lm", picked, weight, bias, labels)
	return Losses{Total: head.Loss, Heads: []Head{head}}
}

// DecoderRemembers reports whether the decoder of a model can use a layer.Memory of the text that it writes. A position bias
// counts from the first query.
func DecoderRemembers(m config.Model) bool { return !m.RelativePositionEmbedding }

// decode applies the decoder layers to y [output tokens, hidden], which attend to memory [tokens, hidden], the encoding of
// source.
func decode(s graph.Scope, m config.Model, batch, source layer.Batch, y, memory *graph.Node) *graph.Node {
	blocks := make([]layer.DecoderLayer, decoderLayers(m))
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
