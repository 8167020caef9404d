package op

import "uer/internal/graph"

// Adafactor is one update of Adafactor (Shazeer, Stern 2018) as UER-py applies it: with a rate from outside, clipping at
// 1 and no first moment. With g the factor times the gradient, u = g² + 1e-30 and β = 1 − t^-0.8 at update t, a tensor of
// at least two axes keeps for each matrix of its last two
//
//	R = β R + (1−β) mean over columns of u
//	C = β C + (1−β) mean over rows of u
//	d = g / (√(R/mean(R)) √C)
//
// and another tensor v = β v + (1−β) u, with d = g/√v. Then
//
//	p = p − Rate WeightDecay p
//	p = p − Rate d/max(1, √mean(d²))     the mean is over the whole tensor
//
// Inputs: the gradient of one tensor, the factor (float64 scalar), the flag of graph.Guard. Outputs, changed in place: the
// tensor p, and the moments R and C, or v and nothing, of the lengths that Moments gives. It does nothing once the flag is
// set.
type Adafactor struct{ WeightDecay float64 }

// Name implements graph.Op.
func (Adafactor) Name() string { return "adafactor" }

// OutputShapes implements graph.Op.
func (o Adafactor) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	rows, columns := o.Moments(in[0])
	return []graph.Shape{in[0], {rows}, {columns}}, nil
}

// Moments are the lengths of the two moments of a tensor. UER-py can factor matrices alone and fails on the 4-D weights of
// a gated convolution; here a tensor with more axes is a stack of matrices, made of its last two axes.
func (Adafactor) Moments(tensor graph.Shape) (first, second int) {
	axes := len(tensor)
	if axes < 2 {
		return tensor.Elements(), 0
	}
	stack := tensor[:axes-2].Elements()
	return stack * tensor[axes-2], stack * tensor[axes-1]
}
