package op

import "uer/internal/graph"

// AdamW is one update of Adam with decoupled weight decay (Loshchilov, Hutter 2019) and, as in UER-py, without bias
// correction. With g the factor times the gradient and Rate the learning rate of the run:
//
//	m = β₁ m + (1−β₁) g
//	v = β₂ v + (1−β₂) g²
//	p = p − Rate m/(√v + ε)
//	p = p − Rate WeightDecay p
//
// It updates the elements of Ranges, the last line only where they decay.
//
// Inputs: the gradients [size], the factor (float64 scalar), the flag of graph.Guard. Outputs, updated in place:
// parameters p, first moment m, second moment v, all [size]. It does nothing if the flag is set.
type AdamW struct {
	Beta1, Beta2, Epsilon, WeightDecay float64
	Ranges                             []Range // in ascending order
}

// Range is elements of a part of the flat buffers that are updated alike. It begins at a multiple of graph.Alignment.
type Range struct {
	Start, End int
	Decays     bool // whether weight decay applies
}

// Name implements graph.Op.
func (AdamW) Name() string { return "adamw" }

// OutputShapes implements graph.Op.
func (AdamW) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{in[0], in[0], in[0]}, nil
}
