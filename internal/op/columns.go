package op

import "uer/internal/graph"

// Columns selects the columns From to From+Count of x. Input: x [tokens, width]. Output: [tokens, Count].
type Columns struct{ From, Count int }

// Name implements graph.Op.
func (Columns) Name() string { return "columns" }

// OutputShapes implements graph.Op.
func (o Columns) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	tokens, _, err := matrix("the input", in[0])
	return []graph.Shape{{tokens, o.Count}}, err
}

// HasGradient implements graph.Differentiable.
func (Columns) HasGradient() []bool { return []bool{true} }

// Grad implements graph.Differentiable.
func (o Columns) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return []*graph.Node{b.Apply(Widen{From: o.From, Width: graph.Dimensions(in[0])[1]}, dy)}
}

// Widen copies x to the columns from From on of a matrix that is zero elsewhere. It is the gradient of Columns.
// Input: x [tokens, count]. Output: [tokens, Width].
type Widen struct{ From, Width int }

// Name implements graph.Op.
func (Widen) Name() string { return "widen" }

// OutputShapes implements graph.Op.
func (o Widen) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{{in[0][0], o.Width}}, nil
}
