package op

import "uer/internal/graph"

// SumSquares is Σ x² over a flat buffer, in float64. Input: x [size]. Output: a float64 scalar.
type SumSquares struct {
	// Shares say who has what of x, if ranks divide it: rank r the elements from Shares[r] to Shares[r+1]. The ranks add up
	// theirs, and exchange the sums of blocks, so that all get the bits that one of them would. Rank is this one.
	Shares []int
	Rank   int
}

// Name implements graph.Op.
func (SumSquares) Name() string { return "sum squares" }

// OutputShapes implements graph.Op.
func (SumSquares) OutputShapes([]graph.Shape) ([]graph.Shape, error) { return []graph.Shape{{}}, nil }

// Clip computes the factor by which an update multiplies its gradients: the scale of the run, reduced if the norm of the
// scaled gradients exceeds Limit (Pascanu et al. 2013). Input: the sum of the squares of the gradients, a float64 scalar.
// Outputs, float64 scalars: the norm of the scaled gradients before clipping, and the factor.
type Clip struct {
	Limit float64 // 0 for none
}

// Name implements graph.Op.
func (Clip) Name() string { return "clip" }

// OutputShapes implements graph.Op.
func (Clip) OutputShapes([]graph.Shape) ([]graph.Shape, error) { return []graph.Shape{{}, {}}, nil }
