package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
)

// TransformerLayer is attention and feed-forward with residual connections (Vaswani et al. 2017), normalised after each
// sum (post) or before each branch (pre).
type TransformerLayer struct {
	attention   Attention
	feedForward FeedForward
	residuals   [2]residual
}

// The settings that transformer layers, those of decoders included, cannot do without, and the optional ones that they
// use.
var (
	TransformerNeeds = []string{"feedforward_size", "heads_num", "hidden_act"}
	TransformerUses  = []string{
		"layernorm_positioning", "layernorm", "feed_forward", "relative_position_embedding", "remove_transformer_bias",
		"remove_attention_scale",
	}
)

// NewTransformerLayer declares a layer. mask says by its flags which keys a query sees.
func NewTransformerLayer(s graph.Scope, m config.Model, mask op.Attention) (TransformerLayer, error) {
	l := TransformerLayer{attention: NewAttention(s.In("self_attn"), m, mask)}
	var err error
	if l.feedForward, err = NewFeedForward(s.In("feed_forward"), m); err != nil {
		return l, err
	}
	l.residuals = [2]residual{newResidual(s.In("layer_norm_1"), m), newResidual(s.In("layer_norm_2"), m)}
	return l, nil
}

// Apply maps x [tokens, hidden] to [tokens, hidden]. optional holds the inputs that the mask asks for.
func (l TransformerLayer) Apply(b *graph.Builder, batch Batch, x *graph.Node,
	optional op.AttentionInputs[*graph.Node]) *graph.Node {
	attend := func(x *graph.Node) branch { return l.attention.apply(b, batch, x, x, optional) }
	forward := func(x *graph.Node) branch { return l.feedForward.apply(b, x) }
	x = l.residuals[0].apply(b, batch, x, attend)     // [tokens, hidden]
	return l.residuals[1].apply(b, batch, x, forward) // [tokens, hidden]
}
