package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
)

// Linear is x Wᵀ + b.
type Linear struct {
	weight *graph.Node // [out, in]
	bias   *graph.Node // [out], nil without bias
}

// NewLinear declares weight and bias.
func NewLinear(s graph.Scope, in, out int) Linear {
	return Linear{weight: s.Parameter("weight", out, in), bias: s.Parameter("bias", out)}
}

// NewTransformerLinear declares a map inside a transformer, which remove_transformer_bias leaves without bias.
func NewTransformerLinear(s graph.Scope, m config.Model, in, out int) Linear {
	if m.RemoveTransformerBias {
		return Linear{weight: s.Parameter("weight", out, in)}
	}
	return NewLinear(s, in, out)
}

// Apply maps x [tokens, in] to [tokens, out] and applies the activation.
func (l Linear) Apply(b *graph.Builder, x *graph.Node, activation op.Activation) *graph.Node {
	linear := op.Linear{Bias: l.bias != nil, Activation: activation}
	inputs := op.LinearInputs[*graph.Node]{X: x, Weight: l.weight, Bias: l.bias}
	return b.Apply(linear, inputs.List(linear)...)
}

// ApplyResidual is dropout(x Wᵀ + b) + residual, x [tokens, in] and residual [tokens, out].
func (l Linear) ApplyResidual(b *graph.Builder, batch Batch, dropout float64, x, residual *graph.Node) *graph.Node {
	linear := op.Linear{Bias: l.bias != nil, Residual: true, Dropout: float32(dropout), Site: b.Site()}
	inputs := op.LinearInputs[*graph.Node]{X: x, Weight: l.weight, Bias: l.bias, Residual: residual, Rows: batch.Rows}
	return b.Apply(linear, inputs.List(linear)...)
}
