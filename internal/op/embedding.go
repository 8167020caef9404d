package op

import (
	"fmt"

	"uer/internal/graph"
)

// Embedding sums rows of tables: out[t] = Scale·table0[ids0[t]] + table1[ids1[t]] + …
// Inputs: the tables [rows, width], then the ids [tokens] for each table. Output: [tokens, width].
type Embedding struct {
	Tables int
	Scale  float32
}

// Name implements graph.Op.
func (Embedding) Name() string { return "embedding" }

// OutputShapes implements graph.Op.
func (o Embedding) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	width := in[0].Elements() / max(1, in[0][0])
	tokens := in[o.Tables].Elements()
	for i := range o.Tables {
		if in[i].Elements() != in[i][0]*width {
			return nil, fmt.Errorf("table %d has shape %v, want rows of %d", i, in[i], width)
		}
		if err := expect(fmt.Sprintf("ids %d", i), in[o.Tables+i], tokens); err != nil {
			return nil, err
		}
	}
	return []graph.Shape{{tokens, width}}, nil
}

// HasGradient implements graph.Differentiable.
func (o Embedding) HasGradient() []bool {
	has := make([]bool, 2*o.Tables)
	for i := range o.Tables {
		has[i] = true
	}
	return has
}

// Grad implements graph.Differentiable.
func (o Embedding) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	grads := make([]*graph.Node, len(in))
	for i := range o.Tables {
		gradient := EmbeddingGradient{Rows: graph.Dimensions(in[i])[0], Scale: 1}
		if i == 0 {
			gradient.Scale = o.Scale
		}
		grads[i] = b.Apply(gradient, dy, in[o.Tables+i])
	}
	return grads
}

// EmbeddingGradient is the gradient of one table: each row of dy, times Scale, is added to the row of its id.
// Inputs: dy [tokens, width], ids [tokens]. Output: [Rows, width].
type EmbeddingGradient struct {
	Rows  int
	Scale float32
}

// Name implements graph.Op.
func (EmbeddingGradient) Name() string { return "embedding gradient" }

// OutputShapes implements graph.Op.
func (o EmbeddingGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{{o.Rows, in[0][1]}}, nil
}
