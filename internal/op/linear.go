package op

import "uer/internal/graph"

// Linear is y = activation(x Wᵀ + b), with W stored [out, in] as PyTorch does; or with Residual
// y = dropout(activation(x Wᵀ + b)) + residual.
// Inputs: x [tokens, in]; W [out, in]; b [out] if Bias; residual [tokens, out] and rows [tokens] if Residual. Outputs: y
// [tokens, out] and, if there is an activation, the value before it [tokens, out].
type Linear struct {
	Bias       bool
	Activation Activation
	Residual   bool
	Dropout    float32 // used with Residual
	Site       int
}

// Name implements graph.Op.
func (Linear) Name() string { return "linear" }

// OutputShapes implements graph.Op.
func (o Linear) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
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
	if o.Residual {
		rest := in[o.parameters()+1:]
		if err := expect("the residual", rest[0], tokens, out); err != nil {
			return nil, err
		}
		if err := expect("rows", rest[1], tokens); err != nil {
			return nil, err
		}
	}
	y := graph.Shape{tokens, out}
	if o.Activation == Identity {
		return []graph.Shape{y}, nil
	}
	return []graph.Shape{y, y}, nil
}

// HasGradient implements graph.Differentiable.
func (o Linear) HasGradient() []bool {
	has := []bool{true, true, true}[:1+o.parameters()]
	if o.Residual {
		has = append(has, true, false)
	}
	return has
}

// parameters is the number of inputs that are parameters; they follow x.
func (o Linear) parameters() int {
	if o.Bias {
		return 2
	}
	return 1
}

// Grad implements graph.Differentiable. The residual's gradient is dy itself.
func (o Linear) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	gradient := LinearGradient{Bias: o.Bias, Activation: o.Activation}
	if !o.Residual {
		return gradient.apply(b, in, out, dy)
	}
	dropped := dy
	if o.Dropout > 0 {
		dropped = b.Apply(Dropout{Probability: o.Dropout, Site: o.Site}, dy, in[len(in)-1])
	}
	gradients := gradient.apply(b, in, out, dropped)
	if gradients == nil {
		return nil
	}
	return append(gradients, dy, nil)
}

// LinearGradient is the gradient of Linear.
// Inputs: x [tokens, in], W [out, in], dy [tokens, out], and the value before the activation [tokens, out] if there is one.
// Outputs: dx [tokens, in], dW [out, in], and db [out] if Bias.
type LinearGradient struct {
	Bias       bool
	Activation Activation
}

// apply puts the gradient on the graph. The operands are those of Linear.
func (o LinearGradient) apply(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	operands := []*graph.Node{in[0], in[1], dy}
	if o.Activation != Identity {
		operands = append(operands, out(1))
	}
	return b.ApplyAll(o, operands...)
}

// Name implements graph.Op.
func (LinearGradient) Name() string { return "linear gradient" }

// OutputShapes implements graph.Op.
func (o LinearGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	outs := []graph.Shape{in[0], in[1]}
	if o.Bias {
		outs = append(outs, graph.Shape{in[1][0]})
	}
	return outs, nil
}
