package op

import (
	"cmp"

	"uer/internal/graph"
)

// CrossEntropy is the mean over rows of −log softmax(h Wᵀ + b)[label], or 0 if there are no rows. It computes the gradients
// together with the loss, chunk by chunk of the rows, so that the logits are neither stored as a whole nor computed twice.
// Inputs: those of [CrossEntropyInputs].
// Outputs: the loss, the number of rows whose largest logit is that of the label, dh [rows, width], dW [classes, width],
// and db [classes] if Bias.
//
// ZLoss adds that weight times (log Σ exp(h Wᵀ + b))² to the loss of each row, which keeps the logits near 0 (Chowdhery et al.
// 2022, PaLM, section 5).
type CrossEntropy struct {
	Bias  bool
	ZLoss float64
}

// CrossEntropyInputs are the inputs of CrossEntropy.
type CrossEntropyInputs[T any] struct {
	Hidden T // [rows, width]
	Weight T // [classes, width]
	Bias   T // [classes], if Bias
	Labels T // [rows]
}

// CrossEntropyInputsOf names the inputs of an instruction.
func CrossEntropyInputsOf[T any](o CrossEntropy, in []T) (c CrossEntropyInputs[T]) {
	r := reader[T]{in}
	c.Hidden = r.next(true)
	c.Weight = r.next(true)
	c.Bias = r.next(o.Bias)
	c.Labels = r.next(true)
	return c
}

// List orders the inputs for an instruction.
func (c CrossEntropyInputs[T]) List(o CrossEntropy) []T {
	list := []T{c.Hidden, c.Weight}
	list = appendIf(list, o.Bias, c.Bias)
	list = append(list, c.Labels)
	return list
}

// Name implements graph.Op.
func (CrossEntropy) Name() string { return "cross entropy" }

// OutputShapes implements graph.Op.
func (o CrossEntropy) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	c := CrossEntropyInputsOf(o, in)
	rows, width, err := matrix("the input", c.Hidden)
	if err != nil {
		return nil, err
	}
	classes := c.Weight[0]
	if err := cmp.Or(
		expect("the weight", c.Weight, classes, width), expectIf(o.Bias, "the bias", c.Bias, classes),
		expect("labels", c.Labels, rows),
	); err != nil {
		return nil, err
	}
	outs := []graph.Shape{{}, {}, c.Hidden, c.Weight}
	if o.Bias {
		outs = append(outs, c.Bias)
	}
	return outs, nil
}

// HasGradient implements graph.Differentiable.
func (o CrossEntropy) HasGradient() []bool {
	return CrossEntropyInputs[bool]{Hidden: true, Weight: true, Bias: true}.List(o)
}

// Grad implements graph.Differentiable.
func (o CrossEntropy) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	grads := make([]*graph.Node, len(in))
	for i := range len(in) - 1 {
		grads[i] = out(2 + i)
		if !graph.IsOne(dy) {
			grads[i] = b.Apply(Scale{}, grads[i], dy)
		}
	}
	return grads
}

// Scale is x times a scalar. Inputs: x, the scalar. Output: the shape of x.
type Scale struct{}

// Name implements graph.Op.
func (Scale) Name() string { return "scale" }

// OutputShapes implements graph.Op.
func (Scale) OutputShapes(in []graph.Shape) ([]graph.Shape, error) { return in[:1], nil }

// Total is the sum of two losses. Inputs and output: scalars.
type Total struct{}

// Name implements graph.Op.
func (Total) Name() string { return "total" }

// OutputShapes implements graph.Op.
func (Total) OutputShapes([]graph.Shape) ([]graph.Shape, error) { return []graph.Shape{{}}, nil }

// HasGradient implements graph.Differentiable.
func (Total) HasGradient() []bool { return []bool{true, true} }

// Grad implements graph.Differentiable.
func (Total) Grad(_ *graph.Builder, _ []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return []*graph.Node{dy, dy}
}
