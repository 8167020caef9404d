package op

import "uer/internal/graph"

// Attention is scaled dot-product attention inside each sequence, by heads: softmax((q·kᵀ + bias)·Scale) v, with dropout
// on the probabilities (Vaswani et al. 2017).
// Inputs: q [tokens, Heads·size]; k, v [keys, Heads·size]; starts [sequences+1]; rows [tokens]; then, each only if its
// flag is set: key starts [sequences+1], prefix lengths [sequences], key lengths [sequences], bias [Heads, 2·MaxLength−1].
// Outputs: [tokens, Heads·size] and, for the gradient, the logarithm of the softmax denominators [tokens, Heads].
type Attention struct {
	Heads     int
	Scale     float32
	Causal    bool // a query sees no later key
	Cross     bool // keys and values belong to other tokens than the queries
	Prefix    bool // the first tokens of a sequence are visible to all its queries
	Lengths   bool // keys from a length on are hidden: padding that is processed
	Bias      bool // scores have a bias by the offset of the key from the query
	Dropout   float32
	Site      int
	MaxLength int // the longest sequence
}

// attentionInputs is the number of inputs that every Attention has.
const attentionInputs = 5

// Name implements graph.Op.
func (Attention) Name() string { return "attention" }

// OutputShapes implements graph.Op.
func (o Attention) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	tokens, width, err := matrix("the query", in[0])
	if err != nil {
		return nil, err
	}
	keys := tokens
	if o.Cross {
		keys = in[1][0]
	}
	if err := expect("the key", in[1], keys, width); err != nil {
		return nil, err
	}
	if err := expect("the value", in[2], keys, width); err != nil {
		return nil, err
	}
	if o.Bias {
		if err := expect("the bias", in[o.inputs()-1], o.Heads, 2*o.MaxLength-1); err != nil {
			return nil, err
		}
	}
	return []graph.Shape{in[0], {tokens, o.Heads}}, expect("rows", in[4], tokens)
}

func (o Attention) inputs() int {
	n := attentionInputs
	for _, present := range []bool{o.Cross, o.Prefix, o.Lengths, o.Bias} {
		if present {
			n++
		}
	}
	return n
}

// HasGradient implements graph.Differentiable.
func (o Attention) HasGradient() []bool {
	has := make([]bool, o.inputs())
	has[0], has[1], has[2] = true, true, true
	if o.Bias {
		has[len(has)-1] = true
	}
	return has
}

// Grad implements graph.Differentiable.
func (o Attention) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	operands := append([]*graph.Node{out(0), out(1), dy}, in...)
	computed := b.ApplyAll(AttentionGradient(o), operands...)
	if computed == nil {
		return nil
	}
	grads := make([]*graph.Node, len(in))
	copy(grads, computed[:3])
	if o.Bias {
		grads[len(grads)-1] = computed[3]
	}
	return grads
}

// AttentionGradient is the gradient of Attention.
// Inputs: the two outputs of Attention, dy [tokens, Heads·size], and the inputs of Attention.
// Outputs: dq [tokens, Heads·size]; dk, dv [keys, Heads·size]; dbias [Heads, 2·MaxLength−1] if Bias.
type AttentionGradient Attention

// Name implements graph.Op.
func (AttentionGradient) Name() string { return "attention gradient" }

// OutputShapes implements graph.Op.
func (o AttentionGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	outs := []graph.Shape{in[3], in[4], in[5]}
	if o.Bias {
		outs = append(outs, in[len(in)-1])
	}
	return outs, nil
}

// PositionBias spreads a table of biases by bucket of the offset to all offsets (Raffel et al. 2020).
// Input: table [buckets, heads]. Output: [heads, 2·MaxLength−1].
type PositionBias struct {
	MaxLength     int
	Bidirectional bool // keys after the query have buckets of their own
}

// Name implements graph.Op.
func (PositionBias) Name() string { return "position bias" }

// OutputShapes implements graph.Op.
func (o PositionBias) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	_, heads, err := matrix("the table", in[0])
	return []graph.Shape{{heads, 2*o.MaxLength - 1}}, err
}

// HasGradient implements graph.Differentiable.
func (PositionBias) HasGradient() []bool { return []bool{true} }

// Grad implements graph.Differentiable.
func (o PositionBias) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	gradient := PositionBiasGradient{PositionBias: o, Buckets: graph.Dimensions(in[0])[0]}
	return []*graph.Node{b.Apply(gradient, dy)}
}

// PositionBiasGradient is the gradient of PositionBias. Input: dy [heads, 2·MaxLength−1]. Output: [Buckets, heads].
type PositionBiasGradient struct {
	PositionBias
	Buckets int
}

// Name implements graph.Op.
func (PositionBiasGradient) Name() string { return "position bias gradient" }

// OutputShapes implements graph.Op.
func (o PositionBiasGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{{o.Buckets, in[0][0]}}, nil
}
