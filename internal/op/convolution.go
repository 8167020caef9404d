package op

import (
	"fmt"

	"uer/internal/graph"
)

// GatedConvolution is a causal convolution times the sigmoid of another one, inside each sequence (Dauphin et al. 2017).
// Each convolution has two biases, as in UER-py.
// Inputs: x [tokens, in]; weight, bias [out] and second bias [out] of the convolution; the same of the gate; starts
// [sequences+1]. A weight is [out, 1, Taps, in], or [out, in, Taps, 1] if TapsLast. Outputs: [tokens, out] and what the
// device saves for the gradient.
type GatedConvolution struct {
	Taps     int
	TapsLast bool
}

// Name implements graph.Op.
func (GatedConvolution) Name() string { return "gated convolution" }

// OutputShapes implements graph.Op.
func (o GatedConvolution) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	tokens, width, err := matrix("the input", in[0])
	if err != nil {
		return nil, err
	}
	out := in[1][0]
	for i, name := range map[int]string{1: "the convolution", 4: "the gate"} {
		if in[i].Elements() != out*o.Taps*width {
			return nil, fmt.Errorf("%s has a weight of shape %v, want %d x %d taps x %d", name, in[i], out, o.Taps, width)
		}
		for _, bias := range in[i+1 : i+3] {
			if bias.Elements() != out {
				return nil, fmt.Errorf("%s has a bias of shape %v, want %d", name, bias, out)
			}
		}
	}
	return []graph.Shape{{tokens, out}, graph.Saved}, nil
}

// HasGradient implements graph.Differentiable.
func (GatedConvolution) HasGradient() []bool {
	return []bool{true, true, true, true, true, true, true, false}
}

// Grad implements graph.Differentiable.
func (o GatedConvolution) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	operands := append([]*graph.Node{out(1), dy}, in...)
	computed := b.ApplyAll(GatedConvolutionGradient(o), operands...)
	if computed == nil {
		return nil
	}
	return append(computed, nil)
}

// GatedConvolutionGradient is the gradient of GatedConvolution. Inputs: what GatedConvolution saved, dy [tokens, out], then
// the inputs of GatedConvolution. Outputs: the gradients of x and of the six parameters.
type GatedConvolutionGradient GatedConvolution

// Name implements graph.Op.
func (GatedConvolutionGradient) Name() string { return "gated convolution gradient" }

// OutputShapes implements graph.Op.
func (GatedConvolutionGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return in[2:9], nil
}
