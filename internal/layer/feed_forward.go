package layer

import (
	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
	"uer/internal/registry"
)

// Activations are the values of hidden_act.
var Activations = map[string]op.Activation{
	"gelu":      op.GELU,
	"gelu_fast": op.GELUFast,
	"relu":      op.ReLU,
	"silu":      op.SiLU,
	"linear":    op.Identity,
}

// Activation finds an activation by its UER-py name.
func Activation(name string) (op.Activation, error) {
	return registry.Find(Activations, "hidden_act", name)
}

// FeedForward is linear_2(activation(linear_1(x))), or gated linear_2(activation(linear_gate(x))·linear_1(x)).
type FeedForward struct {
	gate          *Linear // nil if not gated
	first, second Linear
	activation    op.Activation
}

// NewFeedForward declares the linear maps.
func NewFeedForward(s graph.Scope, m config.Model) (FeedForward, error) {
	activation, err := Activation(m.HiddenActivation)
	if err != nil {
		return FeedForward{}, err
	}
	f := FeedForward{activation: activation}
	if m.FeedForward == "gated" {
		gate := NewTransformerLinear(s.In("linear_gate"), m, m.HiddenSize, m.FeedForwardSize)
		f.gate = &gate
	}
	f.first = NewTransformerLinear(s.In("linear_1"), m, m.HiddenSize, m.FeedForwardSize)
	f.second = NewTransformerLinear(s.In("linear_2"), m, m.FeedForwardSize, m.HiddenSize)
	return f, nil
}

// apply maps x [tokens, hidden].
func (f FeedForward) apply(b *graph.Builder, x *graph.Node) branch {
	if f.gate == nil {
		return branch{f.first.Apply(b, x, f.activation), f.second}
	}
	gate := f.gate.Apply(b, x, op.Identity)   // [tokens, feed-forward]
	inner := f.first.Apply(b, x, op.Identity) // [tokens, feed-forward]
	inner = b.Apply(op.Gated{Activation: f.activation}, gate, inner)
	return branch{inner, f.second}
}
