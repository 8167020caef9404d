package op

import "uer/internal/graph"

// NormKind is the formula of a normalisation.
type NormKind uint8

// The normalisations.
const (
	// NormUER is layer normalisation as UER-py does it: y = γ (x−μ)/(s+ε) + β with the sample deviation
	// s = √(Σ(x−μ)²/(width−1)) and ε = 1e-6 outside the root.
	NormUER NormKind = iota
	// NormRMS is T5's: y = γ x/√(mean(x²)+ε) (Zhang, Sennrich 2019).
	NormRMS
)

// Norm normalises rows: y = norm(x), or with Residual y = norm(dropout(x) + residual).
// Inputs: x [tokens, width]; residual [tokens, width] and rows [tokens] if Residual; gamma [width]; beta [width] unless
// Kind is NormRMS. Outputs: y [tokens, width], the statistics [tokens, 2] and, if Residual, the sum that was
// normalised [tokens, width].
type Norm struct {
	Kind     NormKind
	Residual bool
	Dropout  float32
	Site     int
}

// Name implements graph.Op.
func (Norm) Name() string { return "norm" }

// OutputShapes implements graph.Op.
func (o Norm) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	tokens, width, err := matrix("the input", in[0])
	if err != nil {
		return nil, err
	}
	outs := []graph.Shape{in[0], {tokens, 2}}
	rest := in[1:]
	if o.Residual {
		if err := expect("the residual", in[1], tokens, width); err != nil {
			return nil, err
		}
		if err := expect("rows", in[2], tokens); err != nil {
			return nil, err
		}
		outs = append(outs, in[0])
		rest = in[3:]
	}
	for _, parameter := range rest {
		if err := expect("gamma or beta", parameter, width); err != nil {
			return nil, err
		}
	}
	return outs, nil
}

// HasGradient implements graph.Differentiable.
func (o Norm) HasGradient() []bool {
	has := []bool{true}
	if o.Residual {
		has = append(has, true, false)
	}
	has = append(has, true)
	if o.Kind != NormRMS {
		has = append(has, true)
	}
	return has
}

// Grad implements graph.Differentiable.
func (o Norm) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	if !o.Residual {
		return b.ApplyAll(NormGradient(o), in[0], out(1), in[1], dy)
	}
	grads := b.ApplyAll(NormGradient(o), out(2), out(1), in[3], dy, in[2])
	if grads == nil {
		return nil
	}
	all := []*graph.Node{grads[0], grads[1], nil}
	return append(all, grads[2:]...)
}

// Restore implements graph.Restorable: y = norm(sum).
func (o Norm) Restore(in, out []int) (op graph.Op, restoreIn, restoreOut []int) {
	if !o.Residual {
		return nil, nil, nil
	}
	return Norm{Kind: o.Kind}, append([]int{out[2]}, in[3:]...), out[:2]
}

// NormGradient is the gradient of Norm.
// Inputs: what was normalised [tokens, width], statistics [tokens, 2], gamma [width], dy [tokens, width], and rows
// [tokens] if Residual. Outputs: dx [tokens, width]; dresidual [tokens, width] if Residual; dgamma [width]; dbeta [width]
// unless Kind is NormRMS.
type NormGradient Norm

// Name implements graph.Op.
func (NormGradient) Name() string { return "norm gradient" }

// OutputShapes implements graph.Op.
func (o NormGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	outs := []graph.Shape{in[0]}
	if o.Residual {
		outs = append(outs, in[0])
	}
	outs = append(outs, in[2])
	if o.Kind != NormRMS {
		outs = append(outs, in[2])
	}
	return outs, nil
}
