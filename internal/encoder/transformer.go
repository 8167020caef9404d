package encoder

import (
	"strconv"
	"strings"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
)

// Transformer is a stack of layers_num transformer layers. With factorized_embedding_parameterization a linear map from
// emb_size to hidden_size comes first (ALBERT); with parameter_sharing all layers are one; with layernorm_positioning pre
// a last normalisation follows.
func Transformer(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
	if m.FactorizedEmbeddingParameterization {
		x = layer.NewLinear(s.In("linear"), m.EmbeddingSize, m.HiddenSize, true).Apply(s.Builder, x, op.Identity)
	}
	mask, optional := visibility(m, batch)
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
		// [heads, 2·length−1]
		optional.Bias = s.Apply(op.PositionBias{MaxLength: batch.Length, Bidirectional: true}, table)
	}
	for _, block := range blocks {
		x = s.Block(func() *graph.Node { return block.Apply(s.Builder, batch, x, optional) }) // [tokens, hidden]
	}
	return finish(x)
}

// visibility says which keys a query sees, and the inputs that attention needs for it.
func visibility(m config.Model, batch layer.Batch) (mask op.Attention, optional op.AttentionInputs[*graph.Node]) {
	mask = op.Attention{Causal: strings.HasPrefix(m.Mask, "causal"), Bias: m.RelativePositionEmbedding}
	if m.Mask == "causal_with_prefix" {
		mask.Prefix, optional.Prefix = true, batch.Prefix
	}
	if m.KeepPadding && m.Mask != "causal" { // UER-py's causal mask does not hide padding
		mask.Lengths, optional.Lengths = true, batch.Lengths
	}
	return mask, optional
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
