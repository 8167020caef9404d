package encoder

import (
	"slices"
	"strconv"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/layer"
	"uer/internal/op"
	"uer/internal/task"
)

// Masks are the values of --mask, with the context that each gives a transformer.
var Masks = map[string]task.Context{
	"fully_visible":      task.Full,
	"causal":             task.Past,
	"causal_with_prefix": task.PastAndPrefix,
}

// transformer is a stack of layers_num transformer layers. With factorized_embedding_parameterization, a linear map from
// emb_size to hidden_size comes first (ALBERT). With parameter_sharing, all layers have the same parameters. With
// layernorm_positioning pre, a final normalisation follows.
var transformer = Encoder{
	Build:   buildTransformer,
	Context: func(m config.Model) task.Context { return Masks[m.Mask] },
	Blocks:  layers,
	// A position bias counts from the first query.
	Remembers: func(m config.Model) bool { return !m.RelativePositionEmbedding && Masks[m.Mask] != task.Full },
	Needs:     layer.TransformerNeeds,
	Uses: slices.Concat([]string{"mask", "parameter_sharing", "factorized_embedding_parameterization"},
		layer.TransformerUses),
	SameWidth: true,
}

func buildTransformer(s graph.Scope, m config.Model, batch layer.Batch, x *graph.Node) *graph.Node {
	if m.FactorizedEmbeddingParameterization {
		x = layer.NewLinear(s.In("linear"), m.EmbeddingSize, m.HiddenSize).Apply(s.Builder, x, op.Identity)
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

// visibility returns the flags that say which keys a query sees, and the inputs that attention needs for them.
func visibility(m config.Model, batch layer.Batch) (mask op.Attention, optional op.AttentionInputs[*graph.Node]) {
	context := Masks[m.Mask]
	mask = op.Attention{Causal: context != task.Full, Bias: m.RelativePositionEmbedding}
	if context == task.PastAndPrefix {
		mask.Prefix, optional.Prefix = true, batch.Prefix
	}
	if m.KeepPadding && context != task.Past { // UER-py's causal mask does not hide padding
		mask.Lengths, optional.Lengths = true, batch.Lengths
	}
	return mask, optional
}

// transformerLayers declares the layers: with parameter_sharing one, which is returned layers_num times.
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
