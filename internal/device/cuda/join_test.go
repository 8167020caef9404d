package cuda

import (
	"slices"
	"testing"

	"uer/internal/graph"
	"uer/internal/op"
)

type nodes = []*graph.Node

// attend builds an attention in bfloat16 whose queries, keys and values are made of x by linear maps, each with parameters
// of its own.
func attend(t *testing.T, make func(b *graph.Builder, x *graph.Node, linear func(name string, o op.Linear) *graph.Node) nodes) *graph.Program {
	t.Helper()
	b := graph.NewBuilder()
	b.Activations = graph.BFloat16
	ids, labels := b.Input("ids", graph.Int32, 7), b.Input("labels", graph.Int32, 7)
	starts, rows := b.Input("starts", graph.Int32, 3), b.Input("rows", graph.Int32, 7)
	x := b.Apply(op.Embedding{Tables: 1, Scale: 1}, b.Parameter("table", 9, 16), ids)
	in := make(b, x, func(name string, o op.Linear) *graph.Node {
		o.Bias = true
		return b.Apply(o, x, b.Parameter(name, 16, 16), b.Parameter("bias of "+name, 16))
	})
	y := b.Apply(op.Attention{Heads: 2, Scale: 1, MaxLength: 7}, append(in, starts, rows)...)
	p, err := b.Compile(b.Apply(op.CrossEntropy{}, y, b.Parameter("classes", 5, 16), labels))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFindJoins tells which maps of an attention are joined: where a map has another input, another use, or a weight that
// does not follow the others, it is not.
func TestFindJoins(t *testing.T) {
	type builder = *graph.Builder
	type node = *graph.Node
	type linear = func(name string, o op.Linear) node
	plain := op.Linear{}
	for _, test := range []struct {
		name string
		make func(b builder, x node, l linear) nodes
		want []int // maps of each join
	}{
		{"self-attention", func(_ builder, _ node, l linear) nodes { return nodes{l("q", plain), l("k", plain), l("v", plain)} }, []int{3, 3}},
		{"other queries", func(_ builder, x node, l linear) nodes { return nodes{x, l("k", plain), l("v", plain)} }, []int{2, 2}},
		{"other values", func(_ builder, x node, l linear) nodes { return nodes{l("q", plain), l("k", plain), x} }, nil},
		{"keys as values", func(_ builder, _ node, l linear) nodes {
			k := l("k", plain)
			return nodes{l("q", plain), k, k}
		}, nil},
		{"keys that are read twice", func(b builder, _ node, l linear) nodes {
			k := l("k", plain)
			return nodes{b.Apply(op.Gated{Activation: op.GELU}, k, k), k, l("v", plain)}
		}, nil},
		{"another order", func(_ builder, _ node, l linear) nodes {
			v, k, q := l("v", plain), l("k", plain), l("q", plain)
			return nodes{q, k, v}
		}, nil},
		{"a parameter between them", func(_ builder, _ node, l linear) nodes {
			k, other, v := l("k", plain), l("other", plain), l("v", plain)
			return nodes{other, k, v}
		}, nil},
		{"an activation", func(_ builder, _ node, l linear) nodes {
			return nodes{l("q", plain), l("k", plain), l("v", op.Linear{Activation: op.ReLU})}
		}, nil},
	} {
		var got []int
		for _, j := range findJoins(attend(t, test.make)) {
			got = append(got, len(j.instructions))
			if slices.Max(j.instructions)-j.first() != len(j.instructions)-1 {
				t.Errorf("%s: instructions %v do not follow one another", test.name, j.instructions)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: joins of %v maps, want %v", test.name, got, test.want)
		}
	}
}
