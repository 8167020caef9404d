package cpu

import (
	"reflect"
	"slices"
	"testing"

	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// sharingTests feed one value to two inputs of an operation.
var sharingTests = []opTest{
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

// twice applies the operations of a test twice to the same values, so that each gradient is a sum.
func (test opTest) twice() opTest {
	once := test.build
	test.name += ", applied twice"
	test.build = func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
		first := once(b, p, input)
		second := once(b, p, input)
		if len(graph.Dimensions(first)) > 0 {
			return b.Apply(op.Gated{Activation: op.Tanh}, first, second)
		}
		return b.Apply(op.Total{}, first, second)
	}
	return test
}

// sharing lists all tests in which gradients add up.
func sharing() []opTest {
	tests := slices.Clone(sharingTests)
	for _, test := range opTests {
		if test.name != declaresParameter {
			tests = append(tests, test.twice())
		}
	}
	return tests
}

// TestSharedInputs compares gradients that several operations, or several inputs of one, contribute to with finite
// differences, in short mode every fifth element. A kernel that overwrites where it has to add fails.
func TestSharedInputs(t *testing.T) {
	d, step := newDevice(t, "", 2), 1
	if testing.Short() {
		step = 5
	}
	for _, test := range sharing() {
		t.Run(test.name, func(t *testing.T) {
			b := test.compile(t)
			_, gradients := b.execute(t, d)
			for _, p := range b.program.Parameters {
				for i := p.Offset; i < p.Offset+p.Shape.Elements() && !p.Frozen; i += step {
					compareWithDifference(t, d, b, p.Name, i, gradients[i])
				}
			}
		})
	}
}

// TestEveryOpSharesInputs requires, for every differentiable operation, a test in which two of them read the same value
// and, if it has two inputs with gradients, one in which it reads the same value twice.
func TestEveryOpSharesInputs(t *testing.T) {
	type uses struct{ twice, byTwo bool }
	found := map[reflect.Type]uses{}
	for _, test := range sharing() {
		readers := map[int]map[reflect.Type]int{} // how many instructions of each type read a value
		for _, instruction := range test.compile(t).program.Instructions {
			o, ok := instruction.Op.(graph.Differentiable)
			if !ok {
				continue
			}
			kind, seen := reflect.TypeOf(instruction.Op), map[int]bool{}
			u := found[kind]
			for i, has := range o.HasGradient() {
				if v := instruction.In[i]; has {
					u.twice = u.twice || seen[v]
					seen[v] = true
				}
			}
			for v := range seen {
				if readers[v] == nil {
					readers[v] = map[reflect.Type]int{}
				}
				readers[v][kind]++
				u.byTwo = u.byTwo || readers[v][kind] == 2
			}
			found[kind] = u
		}
	}
	for kind := range kernels {
		o, ok := reflect.Zero(kind).Interface().(graph.Differentiable)
		if !ok || kind == reflect.TypeFor[weigh]() {
			continue
		}
		if !found[kind].byTwo {
			t.Errorf("no test gives one value to two operations %q", o.Name())
		}
		if gradients := countTrue(o); gradients > 1 && !found[kind].twice {
			t.Errorf("no test gives one value to two inputs of the operation %q", o.Name())
		}
	}
}

// countTrue returns the number of inputs with gradients of an operation without options. Operations with a variable
// number of inputs have two or more.
func countTrue(o graph.Differentiable) int {
	if _, variable := o.(op.Embedding); variable {
		return 2
	}
	n := 0
	for _, has := range o.HasGradient() {
		if has {
			n++
		}
	}
	return n
}

// TestDeclaredAdditions runs each gradient of the tests twice, the second time adding to the first. The result must be
// twice the first, whether kernels add themselves or copies do.
func TestDeclaredAdditions(t *testing.T) {
	for _, set := range kernel.InstructionSets() {
		d := newDevice(t, set, 2)
		for _, test := range opTests {
			b := test.compile(t)
			_, once := b.execute(t, d)
			twice := b.accumulate(t, d)
			for i, g := range once {
				if difference := twice[i] - 2*g; difference > 1e-5*(1+max(g, -g)) || -difference > 1e-5*(1+max(g, -g)) {
					t.Errorf("%s, %s: element %d of the gradients is %v after two passes, %v after one", set, test.name, i, twice[i], g)
					break
				}
			}
		}
	}
}
