package op

import (
	"cmp"

	"uer/internal/graph"
)

// Attention is multi-head scaled dot-product attention inside each sequence: softmax((q·kᵀ + bias)·Scale) v, with dropout
// on the probabilities (Vaswani et al. 2017).
// Inputs: those of [AttentionInputs]. Outputs: [tokens, Heads·size] and, for the gradient, the logarithms of the softmax
// denominators [tokens, Heads].
type Attention struct {
	Heads     int
	Scale     float32
	Causal    bool // a query does not see later keys
	Cross     bool // keys and values belong to other tokens than the queries
	Prefix    bool // the first tokens of a sequence are visible to all its queries
	Lengths   bool // keys beyond the length of their sequence are hidden: they are padding
	Bias      bool // scores have a bias that depends on the offset of the key from the query
	Dropout   float32
	Site      int
	MaxLength int // length of the longest sequence
}

// AttentionInputs are the inputs of Attention.
type AttentionInputs[T any] struct {
	Query      T // [tokens, Heads·size]
	Key, Value T // [keys, Heads·size]
	Starts     T // [sequences+1]
	Rows       T // [tokens]
	KeyStarts  T // [sequences+1], if Cross
	Prefix     T // [sequences], if Prefix
	Lengths    T // [sequences], if Lengths
	Bias       T // [Heads, 2·MaxLength−1], if Bias
}

// AttentionInputsOf names the inputs of an instruction.
func AttentionInputsOf[T any](o Attention, in []T) (a AttentionInputs[T]) {
	r := reader[T]{in}
	a.Query = r.next(true)
	a.Key = r.next(true)
	a.Value = r.next(true)
	a.Starts = r.next(true)
	a.Rows = r.next(true)
	a.KeyStarts = r.next(o.Cross)
	a.Prefix = r.next(o.Prefix)
	a.Lengths = r.next(o.Lengths)
	a.Bias = r.next(o.Bias)
	return a
}

// List orders the inputs for an instruction.
func (a AttentionInputs[T]) List(o Attention) []T {
	list := []T{a.Query, a.Key, a.Value, a.Starts, a.Rows}
	list = appendIf(list, o.Cross, a.KeyStarts)
	list = appendIf(list, o.Prefix, a.Prefix)
	list = appendIf(list, o.Lengths, a.Lengths)
	list = appendIf(list, o.Bias, a.Bias)
	return list
}

// Name implements graph.Op.
func (Attention) Name() string { return "attention" }

// OutputShapes implements graph.Op.
func (o Attention) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	a := AttentionInputsOf(o, in)
	tokens, width, err := matrix("the query", a.Query)
	if err != nil {
		return nil, err
	}
	keys := tokens
	if o.Cross {
		keys = a.Key[0]
	}
	sequences := a.Starts.Elements() - 1
	if err := cmp.Or(
		expect("the key", a.Key, keys, width), expect("the value", a.Value, keys, width), expect("rows", a.Rows, tokens),
		expectIf(o.Cross, "key starts", a.KeyStarts, sequences+1), expectIf(o.Prefix, "prefix", a.Prefix, sequences),
		expectIf(o.Lengths, "lengths", a.Lengths, sequences),
		expectIf(o.Bias, "the bias", a.Bias, o.Heads, 2*o.MaxLength-1),
	); err != nil {
		return nil, err
	}
	return []graph.Shape{a.Query, {tokens, o.Heads}}, nil
}

// HasGradient implements graph.Differentiable.
func (o Attention) HasGradient() []bool {
	return AttentionInputs[bool]{Query: true, Key: true, Value: true, Bias: true}.List(o)
}

// Grad implements graph.Differentiable.
func (o Attention) Grad(b *graph.Builder, in []*graph.Node, out func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	operands := append([]*graph.Node{out(0), out(1), dy}, in...)
	computed := b.ApplyAll(AttentionGradient(o), operands...)
	if computed == nil {
		return nil
	}
	grads := AttentionInputs[*graph.Node]{Query: computed[0], Key: computed[1], Value: computed[2]}
	if o.Bias {
		grads.Bias = computed[3]
	}
	return grads.List(o)
}

// AttentionGradient is the gradient of Attention.
// Inputs: the two outputs of Attention, dy [tokens, Heads·size], and the inputs of Attention.
// Outputs: dq [tokens, Heads·size]; dk, dv [keys, Heads·size]; dbias [Heads, 2·MaxLength−1] if Bias.
type AttentionGradient Attention

// AttentionSaved is the number of inputs of AttentionGradient that precede those of Attention.
const AttentionSaved = 3

// Name implements graph.Op.
func (AttentionGradient) Name() string { return "attention gradient" }

// OutputShapes implements graph.Op.
func (o AttentionGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	a := AttentionInputsOf(Attention(o), in[AttentionSaved:])
	outs := []graph.Shape{a.Query, a.Key, a.Value}
	if o.Bias {
		outs = append(outs, a.Bias)
	}
	return outs, nil
}
