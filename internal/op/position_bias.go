package op

import "uer/internal/graph"

// PositionBias looks up the bias of each offset of a key from a query in a table that has a row for each bucket of offsets
// (Raffel et al. 2020). Input: table [buckets, heads]. Output: [heads, 2·MaxLength−1].
type PositionBias struct {
	MaxLength     int
	Bidirectional bool // keys after the query have their own buckets
}

// Name implements graph.Op.
func (PositionBias) Name() string { return "position bias" }

// OutputShapes implements graph.Op.
func (o PositionBias) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	_, heads, err := matrix("the table", in[0])
	return []graph.Shape{{heads, 2*o.MaxLength - 1}}, err
}

// HasGradient implements graph.Differentiable.
func (PositionBias) HasGradient() []bool { return []bool{true} }

// Grad implements graph.Differentiable.
func (o PositionBias) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	gradient := PositionBiasGradient{
		MaxLength: o.MaxLength, Bidirectional: o.Bidirectional, Buckets: graph.Dimensions(in[0])[0],
	}
	return []*graph.Node{b.Apply(gradient, dy)}
}

// PositionBiasGradient is the gradient of PositionBias. Input: dy [heads, 2·MaxLength−1]. Output: [Buckets, heads].
type PositionBiasGradient struct {
	MaxLength     int
	Bidirectional bool
	Buckets       int
}

// Name implements graph.Op.
func (PositionBiasGradient) Name() string { return "position bias gradient" }

// OutputShapes implements graph.Op.
func (o PositionBiasGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{{o.Buckets, in[0][0]}}, nil
}
