package layer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"uer/internal/config"
	"uer/internal/graph"
	"uer/internal/op"
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
	if activation, ok := Activations[name]; ok {
		return activation, nil
	}
	names := slices.Sorted(maps.Keys(Activations))
	return op.Identity, fmt.Errorf("hidden_act %q is not one of %s", name, strings.Join(names, ", "))
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
	bias := !m.RemoveTransformerBias
	if m.FeedForward == "gated" {
		gate := NewLinear(s.In("linear_gate"), m.HiddenSize, m.FeedForwardSize, bias)
		f.gate = &gate
	}
	f.first = NewLinear(s.In("linear_1"), m.HiddenSize, m.FeedForwardSize, bias)
	f.second = NewLinear(s.In("linear_2"), m.FeedForwardSize, m.HiddenSize, bias)
	return f, nil
}

// apply maps x [tokens, width].
func (f FeedForward) apply(b *graph.Builder, x *graph.Node) part {
	if f.gate == nil {
		return part{f.first.Apply(b, x, f.activation), f.second}
	}
	gate := f.gate.Apply(b, x, op.Identity)   // [tokens, feed-forward]
	inner := f.first.Apply(b, x, op.Identity) // [tokens, feed-forward]
	inner = b.Apply(op.Gated{Activation: f.activation}, gate, inner)
	return part{inner, f.second}
}
