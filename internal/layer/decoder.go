package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
)

// DecoderLayer is causal self-attention, attention to the encoder's output, and feed-forward, with residual connections
// and normalisations as in TransformerLayer.
type DecoderLayer struct {
	self, context Attention
	feedForward   FeedForward
	residuals     [3]residual
}

// NewDecoderLayer declares a layer.
func NewDecoderLayer(s graph.Scope, m config.Model) (DecoderLayer, error) {
	l := DecoderLayer{
		self:    NewAttention(s.In("self_attn"), m, op.Attention{Causal: true, Bias: m.RelativePositionEmbedding}),
		context: NewAttention(s.In("context_attn"), m, op.Attention{Cross: true, Lengths: true}),
	}
	var err error
	if l.feedForward, err = NewFeedForward(s.In("feed_forward"), m); err != nil {
		return l, err
	}
	for i, name := range [...]string{"layer_norm_1", "layer_norm_2", "layer_norm_3"} {
		l.residuals[i] = newResidual(s.In(name), m)
	}
	return l, nil
}

// Apply maps x [output tokens, hidden] to [output tokens, hidden]. It attends to memory [tokens, hidden], the encoder's
// output for source, which may be nil where the batch's Memory has its keys and values. bias is the position bias of
// self-attention, nil unless relative_position_embedding is set.
func (l DecoderLayer) Apply(b *graph.Builder, batch, source Batch, x, memory, bias *graph.Node) *graph.Node {
	own := op.AttentionInputs[*graph.Node]{Bias: bias}
	context := op.AttentionInputs[*graph.Node]{KeyStarts: source.Starts, Lengths: source.Lengths}
	branches := [3]func(x *graph.Node) branch{
		func(x *graph.Node) branch { return l.self.apply(b, batch, x, x, own) },
		func(x *graph.Node) branch { return l.context.apply(b, batch, x, memory, context) },
		func(x *graph.Node) branch { return l.feedForward.apply(b, x) },
	}
	for i, branchOf := range branches {
		x = l.residuals[i].apply(b, batch, x, branchOf) // [output tokens, hidden]
	}
	return x
}
