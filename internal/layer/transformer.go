package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
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

// NewTransformerLayer declares a layer.
func NewTransformerLayer(s graph.Scope, m config.Model) (TransformerLayer, error) {
	activation, err := Activation(m.HiddenActivation)
	if err != nil {
		return TransformerLayer{}, err
	}
	headSize := m.AttentionHeadSize
	if headSize == 0 {
		headSize = m.HiddenSize / m.HeadsNumber
	}
	return TransformerLayer{
		attention: NewAttention(s.In("self_attn"), AttentionSettings{
			Width:    m.HiddenSize,
			Heads:    m.HeadsNumber,
			HeadSize: headSize,
			Bias:     !m.RemoveTransformerBias,
			Scaled:   !m.RemoveAttentionScale,
			Causal:   m.Mask == "causal",
			Dropout:  m.Dropout,
		}),
		feedForward: NewFeedForward(s.In("feed_forward"), m.HiddenSize, m.FeedForwardSize, activation, !m.RemoveTransformerBias),
		norm1:       NewNorm(s.In("layer_norm_1"), m.HiddenSize),
		norm2:       NewNorm(s.In("layer_norm_2"), m.HiddenSize),
		pre:         m.LayerNormPositioning == "pre",
		dropout:     m.Dropout,
	}, nil
}

// Apply maps x [tokens, hidden] to [tokens, hidden].
func (l TransformerLayer) Apply(b *graph.Builder, batch Batch, x *graph.Node) *graph.Node {
	if l.pre {
		attended := l.attention.Apply(b, batch, l.norm1.Apply(b, x)) // [tokens, hidden]
		x = DropoutAdd(b, batch, l.dropout, attended, x)             // [tokens, hidden]
		forwarded := l.feedForward.Apply(b, l.norm2.Apply(b, x))     // [tokens, hidden]
		return DropoutAdd(b, batch, l.dropout, forwarded, x)         // [tokens, hidden]
	}
	attended := l.attention.Apply(b, batch, x)                      // [tokens, hidden]
	x = l.norm1.ApplyResidual(b, batch, l.dropout, attended, x)     // [tokens, hidden]
	forwarded := l.feedForward.Apply(b, x)                          // [tokens, hidden]
	return l.norm2.ApplyResidual(b, batch, l.dropout, forwarded, x) // [tokens, hidden]
}
