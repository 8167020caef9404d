package op

import (
	"uer/internal/graph"
	"uer/internal/kernel"
)

// Gated is activation(gate)·x, element by element (Shazeer 2020). Inputs: gate, x [tokens, width]. Output: [tokens, width].
type Gated struct{ Activation kernel.Activation }

// Name implements graph.Op.
func (Gated) Name() string { return "gated" }

// Outs implements graph.Op.
func (Gated) Outs(in []graph.Shape) ([]graph.Shape, error) {
	return in[:1], expect("the gate", in[0], in[1]...)
}

// Wrt implements graph.Differentiable.
func (Gated) Wrt() []bool { return []bool{true, true} }

// Grad implements graph.Differentiable.
func (o Gated) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return b.ApplyAll(GatedGradient(o), in[0], in[1], dy)
}

// GatedGradient is the gradient of Gated. Inputs: gate, x, dy [tokens, width]. Outputs: dgate, dx [tokens, width].
type GatedGradient Gated

// Name implements graph.Op.
func (GatedGradient) Name() string { return "gated gradient" }

// Outs implements graph.Op.
func (GatedGradient) Outs(in []graph.Shape) ([]graph.Shape, error) { return in[:2], nil }
