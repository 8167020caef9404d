package op

import (
	"cmp"

	"uer/internal/graph"
)

// NormKind is a formula of normalisation.
type NormKind uint8

// The kinds of normalisation.
const (
	// NormUER is layer normalisation as in UER-py: y = γ (x−μ)/(s+ε) + β with the sample standard deviation
	// s = √(Σ(x−μ)²/(width−1)) and ε outside the root.
	NormUER NormKind = iota
	// NormRMS is T5's: y = γ x/√(mean(x²)+ε) (Zhang, Sennrich 2019).
	NormRMS
	// NormStandard is layer normalisation as PyTorch and Hugging Face compute it: y = γ (x−μ)/√(Σ(x−μ)²/width+ε) + β (Ba,
	// Kiros, Hinton 2016).
	NormStandard
)

// NormEpsilon is UER-py's ε.
const NormEpsilon = 1e-6

// Norm normalises rows: y = norm(x), or, if Residual, y = norm(dropout(x) + residual).
// Inputs: those of [NormInputs]. Outputs: y [tokens, width], the statistics of the rows [tokens, 2] and, if Residual, the
// sum before normalisation [tokens, width].
type Norm struct {
	Kind     NormKind
	Epsilon  float64 // ε; 0 means NormEpsilon
	Residual bool
	Dropout  float32
	Site     int
}

// NormInputs are the inputs of Norm.
type NormInputs[T any] struct {
	X        T // [tokens, width]
	Residual T // [tokens, width], if Residual
	Rows     T // [tokens], if Residual
	Gamma    T // [width]
	Beta     T // [width], unless Kind is NormRMS
}

// NormInputsOf names the inputs of an instruction.
func NormInputsOf[T any](o Norm, in []T) (n NormInputs[T]) {
	r := reader[T]{in}
	n.X = r.next(true)
	n.Residual = r.next(o.Residual)
	n.Rows = r.next(o.Residual)
	n.Gamma = r.next(true)
	n.Beta = r.next(o.Kind != NormRMS)
	return n
}

// List orders the inputs for an instruction.
func (n NormInputs[T]) List(o Norm) []T {
	list := []T{n.X}
	list = appendIf(list, o.Residual, n.Residual, n.Rows)
	list = append(list, n.Gamma)
	list = appendIf(list, o.Kind != NormRMS, n.Beta)
	return list
}

// Name implements graph.Op.
func (Norm) Name() string { return "norm" }

// OutputShapes implements graph.Op.
func (o Norm) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	n := NormInputsOf(o, in)
	tokens, width, err := matrix("the input", n.X)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(
		expectIf(o.Residual, "the residual", n.Residual, tokens, width), expectIf(o.Residual, "rows", n.Rows, tokens),
		expect("gamma", n.Gamma, width), expectIf(o.Kind != NormRMS, "beta", n.Beta, width),
	); err != nil {
		return nil, err
	}
	outs := []graph.Shape{n.X, {tokens, 2}}
	if o.Residual {
		outs = append(outs, n.X)
	}
	return outs, nil
}

// HasGradient implements graph.Differentiable.
func (o Norm) HasGradient() []bool {
	return NormInputs[bool]{X: true, Residual: true, Gamma: true, Beta: true}.List(o)
}

// Grad implements graph.Differentiable.
func (o Norm) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	n, gradient := NormInputsOf(o, in), NormGradient(o)
	operands := NormGradientInputs[*graph.Node]{Sum: n.X, Stats: out(1), Gamma: n.Gamma, DY: dy, Rows: n.Rows}
	if o.Residual {
		operands.Sum = out(2)
	}
	computed := b.ApplyAll(gradient, operands.List(gradient)...)
	if computed == nil {
		return nil
	}
	d := NormGradientOutputsOf(gradient, computed)
	return NormInputs[*graph.Node]{X: d.X, Residual: d.Residual, Gamma: d.Gamma, Beta: d.Beta}.List(o)
}

// Restore implements graph.Restorable with y = norm(sum).
func (o Norm) Restore(in, out []int) (op graph.Op, restoreIn, restoreOut []int) {
	if !o.Residual {
		return nil, nil, nil
	}
	n, restored := NormInputsOf(o, in), Norm{Kind: o.Kind, Epsilon: o.Epsilon}
	return restored, NormInputs[int]{X: out[2], Gamma: n.Gamma, Beta: n.Beta}.List(restored), out[:2]
}

// NormGradient is the gradient of Norm. Inputs: those of [NormGradientInputs]. Outputs: those of [NormGradientOutputs].
type NormGradient Norm

// NormGradientInputs are the inputs of NormGradient.
type NormGradientInputs[T any] struct {
	Sum   T // [tokens, width], what was normalised: x, or dropout(x) + residual
	Stats T // [tokens, 2]
	Gamma T // [width]
	DY    T // [tokens, width]
	Rows  T // [tokens], if Residual
}

// NormGradientInputsOf names the inputs of an instruction.
func NormGradientInputsOf[T any](o NormGradient, in []T) (n NormGradientInputs[T]) {
	r := reader[T]{in}
	n.Sum = r.next(true)
	n.Stats = r.next(true)
	n.Gamma = r.next(true)
	n.DY = r.next(true)
	n.Rows = r.next(o.Residual)
	return n
}

// List orders the inputs for an instruction.
func (n NormGradientInputs[T]) List(o NormGradient) []T {
	list := []T{n.Sum, n.Stats, n.Gamma, n.DY}
	list = appendIf(list, o.Residual, n.Rows)
	return list
}

// NormGradientOutputs are the outputs of NormGradient: the gradients of Norm's inputs.
type NormGradientOutputs[T any] struct {
	X        T // [tokens, width]
	Residual T // [tokens, width], if Residual
	Gamma    T // [width]
	Beta     T // [width], unless Kind is NormRMS
}

// NormGradientOutputsOf names the outputs of an instruction.
func NormGradientOutputsOf[T any](o NormGradient, out []T) (n NormGradientOutputs[T]) {
	r := reader[T]{out}
	n.X = r.next(true)
	n.Residual = r.next(o.Residual)
	n.Gamma = r.next(true)
	n.Beta = r.next(o.Kind != NormRMS)
	return n
}

// Name implements graph.Op.
func (NormGradient) Name() string { return "norm gradient" }

// OutputShapes implements graph.Op.
func (o NormGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	n := NormGradientInputsOf(o, in)
	outs := []graph.Shape{n.Sum}
	if o.Residual {
		outs = append(outs, n.Sum)
	}
	outs = append(outs, n.Gamma)
	if o.Kind != NormRMS {
		outs = append(outs, n.Gamma)
	}
	return outs, nil
}
