package op

import (
	"math"

	"uer/internal/graph"
)

// Muon is one update of one matrix by orthogonalised momentum (Jordan et al., Muon: an optimizer for hidden layers in neural
// networks, 2024), scaled so that its elements have the size of AdamW's (Liu et al., Muon is scalable for LLM training, 2025).
// With g the factor times the gradient:
//
//	m = β m + (1−β) g
//	u = β m + (1−β) g               Nesterov's momentum
//	x = u/max(ǁuǁ, ε)               the norm is Frobenius's
//	x = a x + (b A + c A²) x        five times, with A = x xᵀ, of the smaller side
//	p = p − Rate WeightDecay p − Rate 0.2 √max(rows, columns) x
//
// The iteration, of Newton and Schulz, brings the singular values of x near 1. It is what torch.optim.Muon computes with
// adjust_lr_fn="match_rms_adamw", there in bfloat16.
//
// Inputs: the gradient of a matrix [rows, columns], the factor (float64 scalar), the flag of graph.Guard. Outputs, updated in
// place: the matrix p and its momentum m. It does nothing if the flag is set.
type Muon struct{ Momentum, WeightDecay float64 }

// The coefficients a, b, c of the iteration, and how often it is done.
const (
	MuonA, MuonB, MuonC = 3.4445, -4.7750, 2.0315
	MuonSteps           = 5
	MuonEpsilon         = 1e-7
)

// Name implements graph.Op.
func (Muon) Name() string { return "muon" }

// OutputShapes implements graph.Op.
func (Muon) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{in[0], in[0]}, nil
}

// Rate returns the factor of x, for a learning rate.
func (Muon) Rate(rate float64, matrix graph.Shape) float64 {
	return rate * 0.2 * math.Sqrt(float64(max(matrix[0], matrix[1])))
}
