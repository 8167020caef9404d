package layer

import (
	"math"

	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// Attention is multi-head self-attention.
type Attention struct {
	query, key, value, final Linear
	op                       op.Attention // all but its site
}

// AttentionSettings says how attention is built.
type AttentionSettings struct {
	Width, Heads, HeadSize int
	Bias                   bool // of the four linear maps
	Scaled                 bool // scores are divided by √HeadSize
	Causal                 bool
	Dropout                float64 // of the probabilities
}

// NewAttention declares the linear maps.
func NewAttention(s graph.Scope, settings AttentionSettings) Attention {
	inner := settings.Heads * settings.HeadSize
	maps := s.In("linear_layers")
	a := Attention{
		query: NewLinear(maps.In("0"), settings.Width, inner, settings.Bias),
		key:   NewLinear(maps.In("1"), settings.Width, inner, settings.Bias),
		value: NewLinear(maps.In("2"), settings.Width, inner, settings.Bias),
		final: NewLinear(s.In("final_linear"), inner, settings.Width, settings.Bias),
		op:    op.Attention{Heads: settings.Heads, Scale: 1, Causal: settings.Causal, Dropout: float32(settings.Dropout)},
	}
	if settings.Scaled {
		a.op.Scale = float32(1 / math.Sqrt(float64(settings.HeadSize)))
	}
	return a
}

// Apply maps x [tokens, width] to [tokens, width].
func (a Attention) Apply(b *graph.Builder, batch Batch, x *graph.Node) *graph.Node {
	query := a.query.Apply(b, x, kernel.None) // [tokens, heads·size]
	key := a.key.Apply(b, x, kernel.None)     // [tokens, heads·size]
	value := a.value.Apply(b, x, kernel.None) // [tokens, heads·size]
	attention := a.op
	attention.Site, attention.MaxLength = b.Site(), batch.Length
	mixed := b.Apply(attention, query, key, value, batch.Starts, batch.Rows) // [tokens, heads·size]
	return a.final.Apply(b, mixed, kernel.None)                              // [tokens, width]
}
