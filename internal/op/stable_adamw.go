package op

import (
	"math"

	"uer/internal/graph"
)

// StableAdamW is one update of one tensor by AdamW whose steps are clipped as Adafactor's are (Wortsman et al., Stable and
// low-precision training for large-scale vision-language models, 2023, algorithm 2). With g the factor times the gradient, t
// the number of the update, Rate the learning rate of the run, and β̂ = β(1−β^(t−1))/(1−β^t), which corrects the bias:
//
//	m = β̂₁ m + (1−β̂₁) g
//	v = β̂₂ v + (1−β̂₂) g²
//	r = Rate/max(1, √mean(g²/max(v, ε²)))     the mean is over the whole tensor
//	p = p − r WeightDecay p − r m/(√v + ε)
//
// Inputs: the gradient of one tensor, the factor (float64 scalar), the flag of graph.Guard. Outputs, updated in place: the
// tensor p, first moment m, second moment v, all of its shape. It does nothing if the flag is set.
type StableAdamW struct{ Beta1, Beta2, Epsilon, WeightDecay float64 }

// Name implements graph.Op.
func (StableAdamW) Name() string { return "stableadamw" }

// OutputShapes implements graph.Op.
func (StableAdamW) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{in[0], in[0], in[0]}, nil
}

// Decay returns β̂ of an update, counted from 1, for one of the decay rates.
func (StableAdamW) Decay(beta float64, update int) float64 {
	t := float64(update)
	return beta * (1 - math.Pow(beta, t-1)) / (1 - math.Pow(beta, t))
}
