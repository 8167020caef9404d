package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
)

// TransformerLayer is attention and feed-forward with residual connections (Vaswani et al. 2017), normalised after each
// sum (post) or before each part (pre).
type TransformerLayer struct {
	attention   Attention
	feedForward FeedForward
	norm1       Norm
	norm2       Norm
	pre         bool
	dropout     float64
}

// NewTransformerLayer declares a layer with the given visibility of keys.
func NewTransformerLayer(s graph.Scope, m config.Model, mask op.Attention) (TransformerLayer, error) {
	l := TransformerLayer{
		attention: NewAttention(s.In("self_attn"), m, mask),
		pre:       m.LayerNormPositioning == "pre",
		dropout:   m.Dropout,
	}
	var err error
	if l.feedForward, err = NewFeedForward(s.In("feed_forward"), m); err != nil {
		return l, err
	}
	l.norm1 = NewTransformerNorm(s.In("layer_norm_1"), m)
	l.norm2 = NewTransformerNorm(s.In("layer_norm_2"), m)
	return l, nil
}

// Apply maps x [tokens, hidden] to [tokens, hidden]. Further are the inputs that the mask asks for.
func (l TransformerLayer) Apply(b *graph.Builder, batch Batch, x *graph.Node, further ...*graph.Node) *graph.Node {
	if l.pre {
		normed := l.norm1.Apply(b, x)                                       // [tokens, hidden]
		attended := l.attention.Apply(b, batch, normed, normed, further...) // [tokens, hidden]
		x = DropoutAdd(b, batch, l.dropout, attended, x)                    // [tokens, hidden]
		forwarded := l.feedForward.Apply(b, l.norm2.Apply(b, x))            // [tokens, hidden]
		return DropoutAdd(b, batch, l.dropout, forwarded, x)                // [tokens, hidden]
	}
	attended := l.attention.Apply(b, batch, x, x, further...)       // [tokens, hidden]
	x = l.norm1.ApplyResidual(b, batch, l.dropout, attended, x)     // [tokens, hidden]
	forwarded := l.feedForward.Apply(b, x)                          // [tokens, hidden]
	return l.norm2.ApplyResidual(b, batch, l.dropout, forwarded, x) // [tokens, hidden]
}
