package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
)

// DecoderLayer is causal self-attention, attention to the encoder's output, and feed-forward, with residual connections
// normalised as in TransformerLayer.
type DecoderLayer struct {
	self, context Attention
	feedForward   FeedForward
	norms         [3]Norm
	pre           bool
	dropout       float64
}

// NewDecoderLayer declares a layer. With bias its self-attention takes a bias by position.
func NewDecoderLayer(s graph.Scope, m config.Model) (DecoderLayer, error) {
	l := DecoderLayer{
		self:    NewAttention(s.In("self_attn"), m, op.Attention{Causal: true, Bias: m.RelativePositionEmbedding}),
		context: NewAttention(s.In("context_attn"), m, op.Attention{Cross: true, Lengths: true}),
		pre:     m.LayerNormPositioning == "pre",
		dropout: m.Dropout,
	}
	var err error
	if l.feedForward, err = NewFeedForward(s.In("feed_forward"), m); err != nil {
		return l, err
	}
	for i, name := range [...]string{"layer_norm_1", "layer_norm_2", "layer_norm_3"} {
		l.norms[i] = NewTransformerNorm(s.In(name), m)
	}
	return l, nil
}

// Apply maps x [output tokens, hidden] to [output tokens, hidden], looking at memory [tokens, hidden], the encoder's
// output for the batch source. Bias is that of the self-attention, none if it has none.
func (l DecoderLayer) Apply(b *graph.Builder, batch, source Batch, x, memory *graph.Node, bias ...*graph.Node) *graph.Node {
	parts := [3]func(x *graph.Node) *graph.Node{
		func(x *graph.Node) *graph.Node { return l.self.Apply(b, batch, x, x, bias...) },
		func(x *graph.Node) *graph.Node {
			return l.context.Apply(b, batch, x, memory, source.Starts, source.Lengths)
		},
		func(x *graph.Node) *graph.Node { return l.feedForward.Apply(b, x) },
	}
	for i, part := range parts {
		if l.pre {
			x = DropoutAdd(b, batch, l.dropout, part(l.norms[i].Apply(b, x)), x) // [output tokens, hidden]
		} else {
			x = l.norms[i].ApplyResidual(b, batch, l.dropout, part(x), x) // [output tokens, hidden]
		}
	}
	return x
}
