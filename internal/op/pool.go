package op

import "uer/internal/graph"

// Pooling is how the rows of a sequence's tokens are reduced to one row.
type Pooling uint8

// The kinds of pooling.
const (
	PoolMean Pooling = iota
	PoolMax
)

// Pool reduces the rows of each sequence to one row.
// Inputs: x [tokens, width], starts [sequences+1]. Output: [sequences, width].
type Pool struct{ Kind Pooling }

// Name implements graph.Op.
func (Pool) Name() string { return "pool" }

// OutputShapes implements graph.Op.
func (Pool) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	_, width, err := matrix("the input", in[0])
	return []graph.Shape{{in[1].Elements() - 1, width}}, err
}

// HasGradient implements graph.Differentiable.
func (Pool) HasGradient() []bool { return []bool{true, false} }

// Grad implements graph.Differentiable.
func (o Pool) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return []*graph.Node{b.Apply(PoolGradient(o), dy, out(0), in[0], in[1]), nil}
}

// PoolGradient is the gradient of Pool.
// Inputs: dy and y [sequences, width], x [tokens, width], starts [sequences+1]. Output: [tokens, width].
type PoolGradient Pool

// Name implements graph.Op.
func (PoolGradient) Name() string { return "pool gradient" }

// OutputShapes implements graph.Op.
func (PoolGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) { return in[2:3], nil }
