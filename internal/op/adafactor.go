package op

import "uer/internal/graph"

// Adafactor is one update of Adafactor (Shazeer, Stern 2018) as in UER-py: with an external learning rate, clipping at 1
// and no first moment. Let g be the factor times the gradient, u = g² + 1e-30, and β = 1 − t^-0.8 at update t. A tensor
// of two or more axes keeps for each matrix of its last two axes
//
//	R = β R + (1−β) mean over columns of u
//	C = β C + (1−β) mean over rows of u
//	d = g / (√(R/mean(R)) √C)
//
// and a vector v = β v + (1−β) u, with d = g/√v. Then
//
//	p = p − Rate WeightDecay p
//	p = p − Rate d/max(1, √mean(d²))     the mean is over the whole tensor
//
// Inputs: the gradient of one tensor, the factor (float64 scalar), the flag of graph.Guard. Outputs, updated in place: the
// tensor p, and the moments R and C, or v and nothing, of the lengths that Moments returns. It does nothing if the flag is
// set.
type Adafactor struct{ WeightDecay float64 }

// Name implements graph.Op.
func (Adafactor) Name() string { return "adafactor" }

// OutputShapes implements graph.Op.
func (o Adafactor) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	rows, columns := o.Moments(in[0])
	return []graph.Shape{in[0], {rows}, {columns}}, nil
}

// Moments returns the lengths of the two moments of a tensor. A tensor of more than two axes is a stack of matrices; UER-py
// cannot train those, the weights of gated convolutions, with Adafactor.
func (Adafactor) Moments(tensor graph.Shape) (first, second int) {
	axes := len(tensor)
	if axes < 2 {
		return tensor.Elements(), 0
	}
	stack := tensor[:axes-2].Elements()
	return stack * tensor[axes-2], stack * tensor[axes-1]
}
