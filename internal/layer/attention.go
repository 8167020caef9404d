package layer

import (
	"math"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
)

// Attention is multi-head attention: four linear maps around op.Attention.
type Attention struct {
	query, key, value, final Linear
	op                       op.Attention // all but its site
}

// NewAttention declares the linear maps of attention with the given visibility of keys: the flags of mask are kept.
func NewAttention(s graph.Scope, m config.Model, mask op.Attention) Attention {
	headSize := m.AttentionHeadSize
	if headSize == 0 {
		headSize = m.HiddenSize / m.HeadsNumber
	}
	inner, bias := m.HeadsNumber*headSize, !m.RemoveTransformerBias
	maps := s.In("linear_layers")
	a := Attention{
		query: NewLinear(maps.In("0"), m.HiddenSize, inner, bias),
		key:   NewLinear(maps.In("1"), m.HiddenSize, inner, bias),
		value: NewLinear(maps.In("2"), m.HiddenSize, inner, bias),
		final: NewLinear(s.In("final_linear"), inner, m.HiddenSize, bias),
		op:    mask,
	}
	a.op.Heads, a.op.Scale, a.op.Dropout = m.HeadsNumber, 1, float32(m.Dropout)
	if !m.RemoveAttentionScale {
		a.op.Scale = float32(1 / math.Sqrt(float64(headSize)))
	}
	return a
}

// apply maps x [tokens, width], looking at the tokens of memory, x itself for self-attention. Further are the inputs that
// the flags of the mask ask for, in the order of op.Attention.
func (a Attention) apply(b *graph.Builder, batch Batch, x, memory *graph.Node, further ...*graph.Node) part {
	query := a.query.Apply(b, x, op.Identity)      // [tokens, heads·size]
	key := a.key.Apply(b, memory, op.Identity)     // [keys, heads·size]
	value := a.value.Apply(b, memory, op.Identity) // [keys, heads·size]
	attention := a.op
	attention.Site, attention.MaxLength = b.Site(), batch.Length
	operands := append([]*graph.Node{query, key, value, batch.Starts, batch.Rows}, further...)
	return part{b.Apply(attention, operands...), a.final} // [tokens, heads·size]
}
