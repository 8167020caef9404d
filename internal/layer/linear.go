package layer

import (
	"uer/internal/graph"
	"uer/internal/kernel"
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

// Apply maps x [tokens, in] to [tokens, out] and applies the activation, kernel.None for none.
func (l Linear) Apply(b *graph.Builder, x *graph.Node, activation kernel.Activation) *graph.Node {
	if l.bias == nil {
		return b.Apply(op.Linear{Activation: activation}, x, l.weight)
	}
	return b.Apply(op.Linear{Bias: true, Activation: activation}, x, l.weight, l.bias)
}
