package devicetest

import (
	"slices"

	"uer/internal/graph"
	"uer/internal/op"
)

// sharingCases feed one value to two inputs of an operation.
var sharingCases = []Case{
	{"a table twice", [][]int{{6, 5}}, map[string][]int32{"a": {1, 5, 1, 0}, "b": {0, 1, 1, 3}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Embedding{Tables: 2, Scale: 1.5}, p[0], p[0], input("a"), input("b"))
		}},
	{"an input as weight", [][]int{{5, 5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Linear{Activation: op.GELU}, p[0], p[0])
		}},
	{"an input as residual of a norm", [][]int{{7, 5}, {5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			norm := op.Norm{Residual: true, Dropout: 0.3, Site: 1}
			in := op.NormInputs[*graph.Node]{X: p[0], Residual: p[0], Rows: rowsOf(b), Gamma: p[1], Beta: p[1]}
			return b.Apply(norm, in.List(norm)...)
		}},
	{"an input as residual of dropout", [][]int{{7, 5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.DropoutAdd{Probability: 0.4, Site: 1}, p[0], p[0], rowsOf(b))
		}},
	{"query, key and value", [][]int{{7, 6}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			attention := op.Attention{Heads: 2, Scale: 0.6, MaxLength: 5}
			return b.Apply(attention, p[0], p[0], p[0], startsOf(b), rowsOf(b))
		}},
	{"a gate that is its input", [][]int{{7, 5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Gated{Activation: op.GELU}, p[0], p[0])
		}},
	{"a gate in a gate", [][]int{{7, 5}, {7, 5}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			inner := b.Apply(op.Gated{Activation: op.GELU}, p[0], p[1])
			return b.Apply(op.Gated{Activation: op.Tanh}, inner, p[1])
		}},
	{"directions with the same weights", [][]int{{7, 4}, {12, 4}, {12, 3}, {12}, {12}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			operands := append(append(p[:5:5], p[1:5]...), startsOf(b))
			return b.Apply(op.Recurrent{Cell: op.LSTMCell, Directions: 2}, operands...)
		}},
	{"a filter as gate", [][]int{{7, 3}, {4, 1, 2, 3}, {4}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			return b.Apply(op.GatedConvolution{Taps: 2}, p[0], p[1], p[2], p[2], p[1], p[2], p[2], startsOf(b))
		}},
	{"many layers, of which two share a bias", slices.Concat([][]int{{7, 5}, {5, 5}}, slices.Repeat([][]int{{5}}, 11)), nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			x := p[0]
			for i := range 12 {
				x = b.Apply(op.Linear{Bias: true, Activation: [...]op.Activation{op.Tanh, op.Identity}[i%2]}, x, p[1], p[2+i%11])
			}
			return x
		}},
	{"classes that classify themselves", [][]int{{4, 5}}, map[string][]int32{"labels": {3, 0, 1, 3}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			return b.Apply(op.CrossEntropy{}, p[0], p[0], input("labels"))
		}},
	{"a loss twice", [][]int{{4, 5}, {9, 5}}, map[string][]int32{"labels": {3, 0, 8, 3}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			loss := b.Apply(op.CrossEntropy{}, p[0], p[1], input("labels"))
			return b.Apply(op.Total{}, loss, b.Apply(op.Total{}, loss, loss))
		}},
}

// twice applies a case's operations two times to the same values, so that each gradient is a sum.
func twice(test Case) Case {
	once := test.Build
	test.Name += ", applied twice"
	test.Build = func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
		first := once(b, p, input)
		second := once(b, p, input)
		if len(graph.Dimensions(first)) > 0 {
			return b.Apply(op.Gated{Activation: op.Tanh}, first, second)
		}
		return b.Apply(op.Total{}, first, second)
	}
	return test
}

// Sharing lists all cases in which gradients add up.
func Sharing() []Case {
	tests := slices.Clone(sharingCases)
	for _, test := range Cases {
		if test.Name != DeclaresParameter {
			tests = append(tests, twice(test))
		}
	}
	return tests
}
