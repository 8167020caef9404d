package layer

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// Dropout drops elements of x [tokens, width].
func Dropout(b *graph.Builder, batch Batch, probability float64, x *graph.Node) *graph.Node {
	if probability == 0 {
		return x
	}
	return b.Apply(op.Dropout{Probability: float32(probability), Site: b.Site()}, x, batch.Rows)
}

// DropoutAdd is dropout(x) + residual, both [tokens, width].
func DropoutAdd(b *graph.Builder, batch Batch, probability float64, x, residual *graph.Node) *graph.Node {
	return b.Apply(op.DropoutAdd{Probability: float32(probability), Site: b.Site()}, x, residual, batch.Rows)
}
