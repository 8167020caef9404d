package op

import "uer/internal/graph"

// Gated is activation(gate)·x, elementwise (Shazeer 2020). Inputs: gate, x [tokens, width]. Output: [tokens, width].
type Gated struct{ Activation Activation }

// Name implements graph.Op.
func (Gated) Name() string { return "gated" }

// OutputShapes implements graph.Op.
func (Gated) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return in[:1], expect("the gate", in[0], in[1]...)
}

// HasGradient implements graph.Differentiable.
func (Gated) HasGradient() []bool { return []bool{true, true} }

// Grad implements graph.Differentiable.
func (o Gated) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return b.ApplyAll(GatedGradient(o), in[0], in[1], dy)
}

// GatedGradient is the gradient of Gated. Inputs: gate, x, dy [tokens, width]. Outputs: dgate, dx [tokens, width].
type GatedGradient Gated

// Name implements graph.Op.
func (GatedGradient) Name() string { return "gated gradient" }

// OutputShapes implements graph.Op.
func (GatedGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) { return in[:2], nil }
