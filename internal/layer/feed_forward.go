package layer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"uer/internal/graph"
	"uer/internal/kernel"
)

// Activations are the values of hidden_act.
var Activations = map[string]kernel.Activation{
	"gelu":      kernel.GELU,
	"gelu_fast": kernel.GELUFast,
	"relu":      kernel.ReLU,
	"silu":      kernel.SiLU,
	"linear":    kernel.Linear,
}

// Activation finds an activation by its UER-py name.
func Activation(name string) (kernel.Activation, error) {
	if activation, ok := Activations[name]; ok {
		return activation, nil
	}
	names := slices.Sorted(maps.Keys(Activations))
	return kernel.None, fmt.Errorf("hidden_act %q is not one of %s", name, strings.Join(names, ", "))
}

// FeedForward is linear_2(activation(linear_1(x))).
type FeedForward struct {
	first, second Linear
	activation    kernel.Activation
}

// NewFeedForward declares both linear maps.
func NewFeedForward(s graph.Scope, width, inner int, activation kernel.Activation, bias bool) FeedForward {
	return FeedForward{
		first:      NewLinear(s.In("linear_1"), width, inner, bias),
		second:     NewLinear(s.In("linear_2"), inner, width, bias),
		activation: activation,
	}
}

// Apply maps x [tokens, width] to [tokens, width].
func (f FeedForward) Apply(b *graph.Builder, x *graph.Node) *graph.Node {
	inner := f.first.Apply(b, x, f.activation) // [tokens, feed-forward]
	return f.second.Apply(b, inner, kernel.None)
}
