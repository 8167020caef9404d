package op

import (
	"uer/internal/graph"
	"uer/internal/kernel"
)

// Linear is y = activation(x Wᵀ + b), with W stored [out, in] as PyTorch does.
// Inputs: x [tokens, in], W [out, in], and b [out] if Bias. Outputs: y [tokens, out] and, if there is an activation, the
// value before it [tokens, out].
type Linear struct {
	Bias       bool
	Activation kernel.Activation
}

// Name implements graph.Op.
func (Linear) Name() string { return "linear" }

// Outs implements graph.Op.
func (o Linear) Outs(in []graph.Shape) ([]graph.Shape, error) {
	tokens, width, err := matrix("the input", in[0])
	if err != nil {
		return nil, err
	}
	out, _, err := matrix("the weight", in[1])
	if err != nil {
		return nil, err
	}
	if err := expect("the weight", in[1], out, width); err != nil {
		return nil, err
	}
	if o.Bias {
		if err := expect("the bias", in[2], out); err != nil {
			return nil, err
		}
	}
	y := graph.Shape{tokens, out}
	if o.Activation == kernel.None {
		return []graph.Shape{y}, nil
	}
	return []graph.Shape{y, y}, nil
}

// Wrt implements graph.Differentiable.
func (o Linear) Wrt() []bool { return []bool{true, true, true}[:o.inputs()] }

func (o Linear) inputs() int {
	if o.Bias {
		return 3
	}
	return 2
}

// Grad implements graph.Differentiable.
func (o Linear) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	operands := []*graph.Node{in[0], in[1], dy}
	if o.Activation != kernel.None {
		operands = append(operands, out(1))
	}
	return b.ApplyAll(LinearGradient(o), operands...)
}

// LinearGradient is the gradient of Linear.
// Inputs: x [tokens, in], W [out, in], dy [tokens, out], and the value before the activation [tokens, out] if there is one.
// Outputs: dx [tokens, in], dW [out, in], and db [out] if Bias.
type LinearGradient Linear

// Name implements graph.Op.
func (LinearGradient) Name() string { return "linear gradient" }

// Outs implements graph.Op.
func (o LinearGradient) Outs(in []graph.Shape) ([]graph.Shape, error) {
	outs := []graph.Shape{in[0], in[1], {in[1][0]}}
	return outs[:Linear(o).inputs()], nil
}
