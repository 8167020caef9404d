package op

import "uer/internal/graph"

// CrossEntropy is the mean over rows of −log softmax(h Wᵀ + b)[label]. It computes its gradients together with the loss,
// while the logits of a chunk of rows are at hand, so that logits are never held whole nor computed twice. Without rows
// the loss is 0.
// Inputs: h [rows, width], W [classes, width], b [classes] if Bias, labels [rows].
// Outputs: the loss, the number of rows whose largest logit is the label's, dh [rows, width], dW [classes, width], and db
// [classes] if Bias.
type CrossEntropy struct{ Bias bool }

// Name implements graph.Op.
func (CrossEntropy) Name() string { return "cross entropy" }

// OutputShapes implements graph.Op.
func (o CrossEntropy) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	rows, width, err := matrix("the input", in[0])
	if err != nil {
		return nil, err
	}
	if err := expect("the weight", in[1], in[1][0], width); err != nil {
		return nil, err
	}
	outs := []graph.Shape{{}, {}, in[0], in[1]}
	if o.Bias {
		outs = append(outs, in[2])
	}
	return outs, expect("labels", in[len(in)-1], rows)
}

// HasGradient implements graph.Differentiable.
func (o CrossEntropy) HasGradient() []bool {
	if o.Bias {
		return []bool{true, true, true, false}
	}
	return []bool{true, true, false}
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

// Scale is x times a scalar. Inputs: x, the scalar. Output: of x's shape.
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
