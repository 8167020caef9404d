package op

import "uer/internal/graph"

// Dropout sets elements of x to zero with Probability and scales the others by 1/(1−Probability).
// Inputs: x [tokens, width], rows [tokens]. Output: [tokens, width].
type Dropout struct {
	Probability float32
	Site        int
}

// Name implements graph.Op.
func (Dropout) Name() string { return "dropout" }

// OutputShapes implements graph.Op.
func (Dropout) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	tokens, _, err := matrix("the input", in[0])
	if err != nil {
		return nil, err
	}
	return in[:1], expect("rows", in[1], tokens)
}

// HasGradient implements graph.Differentiable.
func (Dropout) HasGradient() []bool { return []bool{true, false} }

// Grad implements graph.Differentiable. The same elements of the gradient are dropped.
func (o Dropout) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return []*graph.Node{b.Apply(o, dy, in[1]), nil}
}

// DropoutAdd is y = dropout(x) + residual.
// Inputs: x [tokens, width], residual [tokens, width], rows [tokens]. Output: [tokens, width].
type DropoutAdd Dropout

// Name implements graph.Op.
func (DropoutAdd) Name() string { return "dropout add" }

// OutputShapes implements graph.Op.
func (DropoutAdd) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	tokens, width, err := matrix("the input", in[0])
	if err != nil {
		return nil, err
	}
	if err := expect("the residual", in[1], tokens, width); err != nil {
		return nil, err
	}
	return in[:1], expect("rows", in[2], tokens)
}

// HasGradient implements graph.Differentiable.
func (DropoutAdd) HasGradient() []bool { return []bool{true, true, false} }

// Grad implements graph.Differentiable.
func (o DropoutAdd) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return []*graph.Node{b.Apply(Dropout(o), dy, in[2]), dy, nil}
}
