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

// apply maps x [tokens, width], looking at the tokens of memory, x itself for self-attention. optional holds the inputs
// that the flags of the mask ask for.
func (a Attention) apply(b *graph.Builder, batch Batch, x, memory *graph.Node, optional op.AttentionInputs[*graph.Node]) part {
	inputs, attention := optional, a.op
	inputs.Query = a.query.Apply(b, x, op.Identity)      // [tokens, heads·size]
	inputs.Key = a.key.Apply(b, memory, op.Identity)     // [keys, heads·size]
	inputs.Value = a.value.Apply(b, memory, op.Identity) // [keys, heads·size]
	inputs.Starts, inputs.Rows = batch.Starts, batch.Rows
	attention.Site, attention.MaxLength = b.Site(), batch.Length
	return part{b.Apply(attention, inputs.List(attention)...), a.final} // [tokens, heads·size]
}
