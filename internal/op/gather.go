package op

import "uer/internal/graph"

// Gather picks rows of x. Inputs: x [tokens, width], index [picked], which is strictly increasing, and rows [tokens], which
// only tells the gradient how many tokens there are. Output: [picked, width].
type Gather struct{}

// Name implements graph.Op.
func (Gather) Name() string { return "gather" }

// OutputShapes implements graph.Op.
func (Gather) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	_, width, err := matrix("the input", in[0])
	if err != nil {
		return nil, err
	}
	return []graph.Shape{{in[1].Elements(), width}}, nil
}

// HasGradient implements graph.Differentiable.
func (Gather) HasGradient() []bool { return []bool{true, false, false} }

// Grad implements graph.Differentiable.
func (Gather) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return []*graph.Node{b.Apply(Scatter{}, dy, in[1], in[2]), nil, nil}
}

// Scatter is the gradient of Gather: dy in the picked rows, zero in the others.
// Inputs: dy [picked, width], index [picked], rows [tokens]. Output: [tokens, width].
type Scatter struct{}

// Name implements graph.Op.
func (Scatter) Name() string { return "scatter" }

// OutputShapes implements graph.Op.
func (Scatter) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{{in[2].Elements(), in[0][1]}}, nil
}
