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
	op                       op.Attention // without site and length, which are set where it is applied
	width                    int          // heads·size
}

// NewAttention declares the linear maps of attention. mask says by its flags which keys a query sees.
func NewAttention(s graph.Scope, m config.Model, mask op.Attention) Attention {
	headSize := m.AttentionHeadSize
	if headSize == 0 {
		headSize = m.HiddenSize / m.HeadsNumber
	}
	inner := m.HeadsNumber * headSize
	maps := s.In("linear_layers")
	a := Attention{
		query: NewTransformerLinear(maps.In("0"), m, m.HiddenSize, inner),
		key:   NewTransformerLinear(maps.In("1"), m, m.HiddenSize, inner),
		value: NewTransformerLinear(maps.In("2"), m, m.HiddenSize, inner),
		final: NewTransformerLinear(s.In("final_linear"), m, inner, m.HiddenSize),
		op:    mask,
		width: inner,
	}
	a.op.Heads, a.op.Scale, a.op.Dropout = m.HeadsNumber, 1, float32(m.Dropout)
	if !m.RemoveAttentionScale {
		a.op.Scale = float32(1 / math.Sqrt(float64(headSize)))
	}
	return a
}

// apply maps x [tokens, hidden] by attention to memory [keys, hidden], which is x itself for self-attention. optional
// holds the inputs that the flags of the mask ask for. With a Memory that has the keys and values of memory, it may be nil.
func (a Attention) apply(b *graph.Builder, batch Batch, x, memory *graph.Node, optional op.AttentionInputs[*graph.Node]) branch {
	inputs, attention := optional, a.op
	of := func(l Linear) func() *graph.Node { // [keys, heads·size]
		return func() *graph.Node { return l.Apply(b, memory, op.Identity) }
	}
	key, value := of(a.key), of(a.value)
	inputs.Query = a.query.Apply(b, x, op.Identity) // [tokens, heads·size]
	if batch.Memory != nil && attention.Cross {
		batch.Memory.attendSource(b, &inputs, a.width, key, value)
	} else {
		inputs.Key, inputs.Value = key(), value()
	}
	inputs.Starts, inputs.Rows = batch.Starts, batch.Rows
	attention.Site, attention.MaxLength = b.Site(), batch.Length
	if batch.Memory != nil && !attention.Cross {
		batch.Memory.attend(b, &attention, &inputs)
	}
	return branch{b.Apply(attention, inputs.List(attention)...), a.final} // [tokens, heads·size]
}
