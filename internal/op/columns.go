package op

import "uer/internal/graph"

// Columns takes the columns From to From+Count of x. Input: x [tokens, width]. Output: [tokens, Count].
type Columns struct{ From, Count int }

// Name implements graph.Op.
func (Columns) Name() string { return "columns" }

// Outs implements graph.Op.
func (o Columns) Outs(in []graph.Shape) ([]graph.Shape, error) {
	tokens, _, err := matrix("the input", in[0])
	return []graph.Shape{{tokens, o.Count}}, err
}

// Wrt implements graph.Differentiable.
func (Columns) Wrt() []bool { return []bool{true} }

// Grad implements graph.Differentiable.
func (o Columns) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return []*graph.Node{b.Apply(Widen{From: o.From, Width: graph.Dimensions(in[0])[1]}, dy)}
}

// Widen puts x at column From of a matrix that is zero elsewhere; it is the gradient of Columns.
// Input: x [tokens, count]. Output: [tokens, Width].
type Widen struct{ From, Width int }

// Name implements graph.Op.
func (Widen) Name() string { return "widen" }

// Outs implements graph.Op.
func (o Widen) Outs(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{{in[0][0], o.Width}}, nil
}

// Concat puts two matrices side by side. Inputs: a [tokens, m], b [tokens, n]. Output: [tokens, m+n].
type Concat struct{}

// Name implements graph.Op.
func (Concat) Name() string { return "concat" }

// Outs implements graph.Op.
func (Concat) Outs(in []graph.Shape) ([]graph.Shape, error) {
	tokens, left, err := matrix("the left input", in[0])
	if err != nil {
		return nil, err
	}
	_, right, err := matrix("the right input", in[1])
	if err != nil {
		return nil, err
	}
	return []graph.Shape{{tokens, left + right}}, expect("the right input", in[1], tokens, right)
}

// Wrt implements graph.Differentiable.
func (Concat) Wrt() []bool { return []bool{true, true} }

// Grad implements graph.Differentiable.
func (Concat) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	left, right := graph.Dimensions(in[0])[1], graph.Dimensions(in[1])[1]
	return []*graph.Node{b.Apply(Columns{Count: left}, dy), b.Apply(Columns{From: left, Count: right}, dy)}
}
