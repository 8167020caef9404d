package encoder

import (
	"errors"
	"fmt"
	"strconv"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/layer"
	"uer/internal/op"
)

// Transformer is a stack of layers_num transformer layers. With factorized_embedding_parameterization a linear map from
// emb_size to hidden_size comes first (ALBERT); with parameter_sharing all layers are one; with layernorm_positioning pre
// a last normalisation follows.
func Transformer(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
	if err := checkTransformer(m); err != nil {
		s.Fail(err)
		return nil
	}
	if m.FactorizedEmbeddingParameterization {
		x = layer.NewLinear(s.In("linear"), m.EmbeddingSize, m.HiddenSize, true).Apply(s.Builder, x, kernel.None)
	}
	mask, further := visibility(m, batch)
	blocks, err := transformerLayers(s.In("transformer"), m, mask)
	if err != nil {
		s.Fail(err)
		return nil
	}
	finish := func(x *graph.Node) *graph.Node { return x }
	if m.LayerNormPositioning == "pre" {
		norm := layer.NewTransformerNorm(s.In("layer_norm"), m)
		finish = func(x *graph.Node) *graph.Node { return norm.Apply(s.Builder, x) }
	}
	if m.RelativePositionEmbedding {
		table := s.In("relative_pos_emb").In("relative_attention_bias").
			Parameter("weight", m.RelativeAttentionBucketsNumber, m.HeadsNumber)
		bias := s.Apply(op.PositionBias{MaxLength: batch.Length, Bidirectional: true}, table) // [heads, 2·length−1]
		further = append(further, bias)
	}
	for _, block := range blocks {
		x = block.Apply(s.Builder, batch, x, further...) // [tokens, hidden]
	}
	return finish(x)
}

// visibility says which keys a query sees, and the inputs that attention needs for it.
func visibility(m config.Model, batch layer.Batch) (op.Attention, []*graph.Node) {
	mask := op.Attention{Causal: m.Mask != "fully_visible", Bias: m.RelativePositionEmbedding}
	var further []*graph.Node
	if m.Mask == "causal_with_prefix" {
		mask.Prefix = true
		further = append(further, batch.Prefix)
	}
	if m.KeepPadding && m.Mask == "fully_visible" {
		mask.Lengths = true
		further = append(further, batch.Lengths)
	}
	return mask, further
}

// transformerLayers declares the layers; with parameter_sharing it is one, layers_num times.
func transformerLayers(s graph.Scope, m config.Model, mask op.Attention) ([]layer.TransformerLayer, error) {
	blocks := make([]layer.TransformerLayer, m.LayersNumber)
	for i := range blocks {
		if m.ParameterSharing && i > 0 {
			blocks[i] = blocks[0]
			continue
		}
		scope := s
		if !m.ParameterSharing {
			scope = s.In(strconv.Itoa(i))
		}
		var err error
		if blocks[i], err = layer.NewTransformerLayer(scope, m, mask); err != nil {
			return nil, err
		}
	}
	return blocks, nil
}

func checkTransformer(m config.Model) error {
	switch {
	case m.HeadsNumber < 1:
		return errors.New("the transformer needs heads_num of at least 1")
	case m.FeedForwardSize < 1:
		return errors.New("the transformer needs feedforward_size of at least 1")
	case m.AttentionHeadSize == 0 && m.HiddenSize%m.HeadsNumber != 0:
		return fmt.Errorf("hidden_size %d is not a multiple of heads_num %d", m.HiddenSize, m.HeadsNumber)
	case m.EmbeddingSize != m.HiddenSize && !m.FactorizedEmbeddingParameterization:
		return fmt.Errorf("emb_size %d differs from hidden_size %d; only --factorized_embedding_parameterization maps one to the other",
			m.EmbeddingSize, m.HiddenSize)
	case m.KeepPadding && m.Mask == "causal_with_prefix":
		return errors.New("keep_padding changes nothing for a transformer with causal_with_prefix: padding never reaches a real token")
	}
	return nil
}
