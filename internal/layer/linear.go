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

// Apply maps x [tokens, in] to [tokens, out] and applies the activation, op.Identity for none.
func (l Linear) Apply(b *graph.Builder, x *graph.Node, activation op.Activation) *graph.Node {
	return b.Apply(op.Linear{Bias: l.bias != nil, Activation: activation}, l.with(x)...)
}

// ApplyResidual is dropout(x Wᵀ + b) + residual, x [tokens, in] and residual [tokens, out].
func (l Linear) ApplyResidual(b *graph.Builder, batch Batch, dropout float64, x, residual *graph.Node) *graph.Node {
	linear := op.Linear{Bias: l.bias != nil, Residual: true, Dropout: float32(dropout), Site: b.Site()}
	return b.Apply(linear, append(l.with(x), residual, batch.Rows)...)
}

func (l Linear) with(x *graph.Node) []*graph.Node {
	if l.bias == nil {
		return []*graph.Node{x, l.weight}
	}
	return []*graph.Node{x, l.weight, l.bias}
}
