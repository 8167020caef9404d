package op

import (
	"cmp"

	"uer/internal/graph"
)

// Linear is y = activation(x Wᵀ + b), with W stored as [out, in] like in PyTorch, or, if Residual,
// y = dropout(activation(x Wᵀ + b)) + residual.
// Inputs: those of [LinearInputs]. Outputs: y [tokens, out] and, if there is an activation, its input [tokens, out].
type Linear struct {
	Bias       bool
	Activation Activation
	Residual   bool
	Dropout    float32 // only with Residual
	Site       int
}

// LinearInputs are the inputs of Linear.
type LinearInputs[T any] struct {
	X        T // [tokens, in]
	Weight   T // [out, in]
	Bias     T // [out], if Bias
	Residual T // [tokens, out], if Residual
	Rows     T // [tokens], if Residual
}

// LinearInputsOf names the inputs of an instruction.
func LinearInputsOf[T any](o Linear, in []T) (l LinearInputs[T]) {
	r := reader[T]{in}
	l.X = r.next(true)
	l.Weight = r.next(true)
	l.Bias = r.next(o.Bias)
	l.Residual = r.next(o.Residual)
	l.Rows = r.next(o.Residual)
	return l
}

// List orders the inputs for an instruction.
func (l LinearInputs[T]) List(o Linear) []T {
	list := []T{l.X, l.Weight}
	list = appendIf(list, o.Bias, l.Bias)
	list = appendIf(list, o.Residual, l.Residual, l.Rows)
	return list
}

// Name implements graph.Op.
func (Linear) Name() string { return "linear" }

// OutputShapes implements graph.Op.
func (o Linear) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	l := LinearInputsOf(o, in)
	tokens, width, err := matrix("the input", l.X)
	if err != nil {
		return nil, err
	}
	out, _, err := matrix("the weight", l.Weight)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(
		expect("the weight", l.Weight, out, width), expectIf(o.Bias, "the bias", l.Bias, out),
		expectIf(o.Residual, "the residual", l.Residual, tokens, out), expectIf(o.Residual, "rows", l.Rows, tokens),
	); err != nil {
		return nil, err
	}
	y := graph.Shape{tokens, out}
	if o.Activation == Identity {
		return []graph.Shape{y}, nil
	}
	return []graph.Shape{y, y}, nil
}

// HasGradient implements graph.Differentiable.
func (o Linear) HasGradient() []bool {
	return LinearInputs[bool]{X: true, Weight: true, Bias: true, Residual: true}.List(o)
}

// Grad implements graph.Differentiable. The residual's gradient is dy itself.
func (o Linear) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	l, gradient := LinearInputsOf(o, in), LinearGradient{Bias: o.Bias, Activation: o.Activation}
	before := dy
	if o.Residual && o.Dropout > 0 {
		before = b.Apply(Dropout{Probability: o.Dropout, Site: o.Site}, dy, l.Rows)
	}
	operands := LinearGradientInputs[*graph.Node]{X: l.X, Weight: l.Weight, DY: before}
	if o.Activation != Identity {
		operands.PreActivation = out(1)
	}
	computed := b.ApplyAll(gradient, operands.List(gradient)...)
	if computed == nil {
		return nil
	}
	grads := LinearInputs[*graph.Node]{X: computed[0], Weight: computed[1], Residual: dy}
	if o.Bias {
		grads.Bias = computed[2]
	}
	return grads.List(o)
}

// LinearGradient is the gradient of Linear without its residual.
// Inputs: those of [LinearGradientInputs]. Outputs: dx [tokens, in], dW [out, in], and db [out] if Bias.
type LinearGradient struct {
	Bias       bool
	Activation Activation
}

// LinearGradientInputs are the inputs of LinearGradient.
type LinearGradientInputs[T any] struct {
	X             T // [tokens, in]
	Weight        T // [out, in]
	DY            T // [tokens, out]
	PreActivation T // [tokens, out], if there is an activation
}

// LinearGradientInputsOf names the inputs of an instruction.
func LinearGradientInputsOf[T any](o LinearGradient, in []T) (l LinearGradientInputs[T]) {
	r := reader[T]{in}
	l.X = r.next(true)
	l.Weight = r.next(true)
	l.DY = r.next(true)
	l.PreActivation = r.next(o.Activation != Identity)
	return l
}

// List orders the inputs for an instruction.
func (l LinearGradientInputs[T]) List(o LinearGradient) []T {
	list := []T{l.X, l.Weight, l.DY}
	list = appendIf(list, o.Activation != Identity, l.PreActivation)
	return list
}

// Name implements graph.Op.
func (LinearGradient) Name() string { return "linear gradient" }

// OutputShapes implements graph.Op.
func (o LinearGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	l := LinearGradientInputsOf(o, in)
	outs := []graph.Shape{l.X, l.Weight}
	if o.Bias {
		outs = append(outs, graph.Shape{l.Weight[0]})
	}
	return outs, nil
}
