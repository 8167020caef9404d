// Package devicetest holds what every device is tested with: programs that use each operation of a model, on ragged batches.
package devicetest

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// Case is an operation on parameters and integer inputs.
type Case struct {
	Name       string
	Parameters [][]int // shapes
	Integers   map[string][]int32
	Build      func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node
}

// DeclaresParameter is the case whose operations declare a parameter, which can be done once only.
const DeclaresParameter = "the sum of two cross entropies over one weight"

// A batch of three sequences of 4, 0 and 3 tokens in rows of 5.
var (
	starts = []int32{0, 4, 4, 7}
	rows   = []int32{0, 1, 2, 3, 10, 11, 12}
)

// Cases use every operation that a model has.
var Cases = []Case{
	{"embedding", [][]int{{6, 5}, {4, 5}}, map[string][]int32{"a": {1, 5, 1, 0}, "b": {0, 1, 2, 3}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Embedding{Tables: 2, Scale: 1.5}, p[0], p[1], input("a"), input("b"))
		}},
	{"linear", [][]int{{7, 5}, {3, 5}, {3}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Linear{Bias: true}, p...)
		}},
	{"linear without bias, with activation", [][]int{{7, 5}, {3, 5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Linear{Activation: op.GELU}, p...)
		}},
	{"linear with activation, dropout and residual", [][]int{{7, 5}, {3, 5}, {3}, {7, 3}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			linear := op.Linear{Bias: true, Activation: op.GELU, Residual: true, Dropout: 0.4, Site: 1}
			return b.Apply(linear, append(p[:4:4], rowsOf(b))...)
		}},
	{"linear added to its input", [][]int{{7, 5}, {5, 5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Linear{Residual: true}, p[0], p[1], p[0], rowsOf(b))
		}},
	{"two linear maps with one weight", [][]int{{7, 5}, {5, 5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Linear{}, b.Apply(op.Linear{Activation: op.GELU}, p[0], p[1]), p[1])
		}},
	{"one input of three linear maps and a residual", [][]int{{7, 5}, {5, 5}, {5, 5}, {5}, {5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			h := b.Apply(op.Linear{Activation: op.GELUFast}, p[0], p[1])
			h = b.Apply(op.Linear{Activation: op.SiLU}, h, p[2])
			return b.Apply(op.Norm{Residual: true}, h, p[0], rowsOf(b), p[3], p[4])
		}},
	{"norm", [][]int{{7, 5}, {5}, {5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Norm{}, p...)
		}},
	{"t5 norm", [][]int{{7, 5}, {5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Norm{Kind: op.NormRMS}, p...)
		}},
	{"standard norm", [][]int{{7, 5}, {5}, {5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Norm{Kind: op.NormStandard, Epsilon: 1e-5}, p...)
		}},
	{"norm with residual and dropout", [][]int{{7, 5}, {7, 5}, {5}, {5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			norm := op.Norm{Residual: true, Dropout: 0.3, Site: 3}
			return b.Apply(norm, p[0], p[1], rowsOf(b), p[2], p[3])
		}},
	{"dropout", [][]int{{7, 5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Dropout{Probability: 0.4, Site: 1}, p[0], rowsOf(b))
		}},
	{"dropout add", [][]int{{7, 5}, {7, 5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.DropoutAdd{Probability: 0.4, Site: 1}, p[0], p[1], rowsOf(b))
		}},
	{"attention", [][]int{{7, 6}, {7, 6}, {7, 6}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			attention := op.Attention{Heads: 2, Scale: 0.6, MaxLength: 5}
			return b.Apply(attention, p[0], p[1], p[2], startsOf(b), rowsOf(b))
		}},
	{"causal attention with dropout", [][]int{{7, 6}, {7, 6}, {7, 6}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			attention := op.Attention{Heads: 2, Scale: 0.6, Causal: true, Dropout: 0.3, MaxLength: 5}
			return b.Apply(attention, p[0], p[1], p[2], startsOf(b), rowsOf(b))
		}},
	{"prefix attention with a position bias used twice", [][]int{{7, 6}, {7, 6}, {4, 2}}, map[string][]int32{"prefix": {2, 0, 1}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			attention := op.Attention{Heads: 2, Scale: 0.6, Causal: true, Prefix: true, Bias: true, MaxLength: 5}
			bias := b.Apply(op.PositionBias{MaxLength: 5, Bidirectional: true}, p[2])
			h := b.Apply(attention, p[0], p[1], p[0], startsOf(b), rowsOf(b), input("prefix"), bias)
			return b.Apply(attention, h, p[1], p[1], startsOf(b), rowsOf(b), input("prefix"), bias)
		}},
	{"cross attention with key lengths", [][]int{{7, 6}, {6, 6}, {6, 6}}, map[string][]int32{"keys": {0, 3, 4, 6}, "lengths": {3, 1, 1}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			attention := op.Attention{Heads: 2, Scale: 0.6, Cross: true, Lengths: true, MaxLength: 5}
			return b.Apply(attention, p[0], p[1], p[2], startsOf(b), rowsOf(b), input("keys"), input("lengths"))
		}},
	{"gated", [][]int{{7, 5}, {7, 5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Gated{Activation: op.GELU}, p...)
		}},
	{"overlapping columns of a matrix", [][]int{{7, 7}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			left, right := b.Apply(op.Columns{Count: 4}, p[0]), b.Apply(op.Columns{From: 3, Count: 4}, p[0])
			return b.Apply(op.Gated{Activation: op.Tanh}, left, right)
		}},
	{"mean of sequences", [][]int{{7, 3}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Pool{Kind: op.PoolMean}, p[0], startsOf(b))
		}},
	{"maximum of sequences", [][]int{{7, 3}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Pool{Kind: op.PoolMax}, p[0], startsOf(b))
		}},
	{"one direction of gru cells", [][]int{{7, 4}, {9, 4}, {9, 3}, {9}, {9}}, nil, recurrentLayer(op.Recurrent{Cell: op.GRUCell, Directions: 1})},
	{"two directions of tanh cells", [][]int{{7, 4}, {3, 4}, {3, 3}, {3}, {3}, {3, 4}, {3, 3}, {3}, {3}}, nil,
		recurrentLayer(op.Recurrent{Cell: op.TanhCell, Directions: 2})},
	{"two directions of lstm cells", [][]int{{7, 4}, {12, 4}, {12, 3}, {12}, {12}, {12, 4}, {12, 3}, {12}, {12}}, nil,
		recurrentLayer(op.Recurrent{Cell: op.LSTMCell, Directions: 2})},
	{"two directions of gru cells apart", [][]int{{7, 8}, {9, 4}, {9, 3}, {9}, {9}, {9, 4}, {9, 3}, {9}, {9}}, nil,
		recurrentLayer(op.Recurrent{Cell: op.GRUCell, Directions: 2, SplitInput: true})},
	{"two directions with the same weights", [][]int{{7, 4}, {12, 4}, {12, 3}, {12}, {12}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			operands := append(append(p[:5:5], p[1:5]...), startsOf(b))
			return b.Apply(op.Recurrent{Cell: op.LSTMCell, Directions: 2}, operands...)
		}},
	{"gated convolution", [][]int{{7, 3}, {4, 1, 2, 3}, {4}, {4}, {4, 1, 2, 3}, {4}, {4}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.GatedConvolution{Taps: 2}, append(p[:7:7], startsOf(b))...)
		}},
	{"gated convolution with the taps last", [][]int{{7, 3}, {4, 3, 2, 1}, {4}, {4}, {4, 3, 2, 1}, {4}, {4}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.GatedConvolution{Taps: 2, TapsLast: true}, append(p[:7:7], startsOf(b))...)
		}},
	{"gather", [][]int{{7, 5}}, map[string][]int32{"index": {1, 2, 6}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Gather{}, p[0], input("index"), rowsOf(b))
		}},
	{"cross entropy", [][]int{{4, 5}, {9, 5}, {9}}, map[string][]int32{"labels": {3, 0, 8, 3}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			return b.Apply(op.CrossEntropy{Bias: true}, p[0], p[1], p[2], input("labels"))
		}},
	{"cross entropy with z-loss", [][]int{{4, 5}, {9, 5}, {9}}, map[string][]int32{"labels": {3, 0, 8, 3}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			return b.Apply(op.CrossEntropy{Bias: true, ZLoss: 0.25}, p[0], p[1], p[2], input("labels"))
		}},
	{"cross entropy of an output layer that is not trained", [][]int{{4, 5}}, map[string][]int32{"labels": {3, 0, 8, 3}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			weight, bias := frozen(b, "classes", 9, 5), frozen(b, "bias of classes", 9)
			return b.Apply(op.CrossEntropy{Bias: true}, p[0], weight, bias, input("labels"))
		}},
	{"cross entropy of an input that is not trained", [][]int{{9, 5}, {9}}, map[string][]int32{"labels": {3, 0, 8, 3}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			return b.Apply(op.CrossEntropy{Bias: true}, frozen(b, "hidden", 4, 5), p[0], p[1], input("labels"))
		}},
	{DeclaresParameter, [][]int{{4, 5}, {9, 5}}, map[string][]int32{"labels": {3, 0, 8, 3}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			first := b.Apply(op.CrossEntropy{}, p[0], p[1], input("labels"))
			second := b.Apply(op.CrossEntropy{}, b.Apply(op.Linear{Activation: op.Tanh}, p[0], square(b)), p[1], input("labels"))
			return b.Apply(op.Total{}, first, second)
		}},
}

func recurrentLayer(o op.Recurrent) func(*graph.Builder, []*graph.Node, func(string) *graph.Node) *graph.Node {
	return func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
		return b.Apply(o, append(p[:len(p):len(p)], startsOf(b))...)
	}
}

func rowsOf(b *graph.Builder) *graph.Node   { return b.Named("rows") }
func startsOf(b *graph.Builder) *graph.Node { return b.Named("starts") }

// frozen is a parameter that is not trained.
func frozen(b *graph.Builder, name string, shape ...int) *graph.Node {
	if n := b.Named(name); n != nil {
		return n
	}
	return b.Frozen(name, shape...)
}

func square(b *graph.Builder) *graph.Node { return b.Parameter("square", 5, 5) }
