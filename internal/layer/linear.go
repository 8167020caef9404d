package layer

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// Linear is x Wᵀ + b.
type Linear struct {
	weight *graph.Node // [out, in]
	bias   *graph.Node // [out], nil without bias
}

// NewLinear declares weight and bias.
func NewLinear(s graph.Scope, in, out int, bias bool) Linear {
	l := Linear{weight: s.Parameter("weight", out, in)}
	if bias {
		l.bias = s.Parameter("bias", out)
	}
	return l
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
