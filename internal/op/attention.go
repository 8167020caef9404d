package op

import "uer/internal/graph"

// Attention is scaled dot-product attention inside each sequence, by heads: softmax((q·kᵀ + bias)·Scale) v, with dropout
// on the probabilities (Vaswani et al. 2017).
// Inputs: q, k, v [tokens, Heads·size]; starts [sequences+1]; rows [tokens].
// Outputs: [tokens, Heads·size] and, for the gradient, the logarithm of the softmax denominators [tokens, Heads].
type Attention struct {
	Heads     int
	Scale     float32
	Causal    bool // a query sees no later key
	Dropout   float32
	Site      int
	MaxLength int // the longest sequence
}

// Name implements graph.Op.
func (Attention) Name() string { return "attention" }

// Outs implements graph.Op.
func (o Attention) Outs(in []graph.Shape) ([]graph.Shape, error) {
	tokens, width, err := matrix("the query", in[0])
	if err != nil {
		return nil, err
	}
	if err := expect("the key", in[1], tokens, width); err != nil {
		return nil, err
	}
	if err := expect("the value", in[2], tokens, width); err != nil {
		return nil, err
	}
	return []graph.Shape{in[0], {tokens, o.Heads}}, expect("rows", in[4], tokens)
}

// Wrt implements graph.Differentiable.
func (Attention) Wrt() []bool { return []bool{true, true, true, false, false} }

// Grad implements graph.Differentiable.
func (o Attention) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	grads := b.ApplyAll(AttentionGradient(o), in[0], in[1], in[2], in[3], in[4], out(0), out(1), dy)
	if grads == nil {
		return nil
	}
	return append(grads, nil, nil)
}

// AttentionGradient is the gradient of Attention.
// Inputs: those of Attention, its two outputs, and dy [tokens, Heads·size]. Outputs: dq, dk, dv [tokens, Heads·size].
type AttentionGradient Attention

// Name implements graph.Op.
func (AttentionGradient) Name() string { return "attention gradient" }

// Outs implements graph.Op.
func (AttentionGradient) Outs(in []graph.Shape) ([]graph.Shape, error) { return in[:3], nil }
