package cpu

import (
	"reflect"
	"testing"

	"uer/internal/device/devicetest"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// TestSharedInputs compares gradients that several operations, or several inputs of one, contribute to with finite
// differences, in short mode every fifth element. A kernel that overwrites where it has to add fails.
func TestSharedInputs(t *testing.T) {
	d, step := newDevice(t, "", 2), 1
	if testing.Short() {
		step = 5
	}
	for _, test := range devicetest.Sharing() {
		t.Run(test.Name, func(t *testing.T) {
			b := compile(t, test)
			_, gradients := execute(t, b, d, 1)
			for _, p := range b.Parameters {
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
	for _, test := range devicetest.Sharing() {
		readers := map[int]map[reflect.Type]int{} // how many instructions of each type read a value
		for _, instruction := range compile(t, test).Instructions {
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
	for kind := range kernels.Operations() {
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
		for _, test := range devicetest.Cases {
			b := compile(t, test)
			_, once := execute(t, b, d, 1)
			_, twice := execute(t, b, d, 2)
			for i, g := range once {
				if difference := twice[i] - 2*g; difference > 1e-5*(1+max(g, -g)) || -difference > 1e-5*(1+max(g, -g)) {
					t.Errorf("%s, %s: element %d of the gradients is %v after two passes, %v after one", set, test.Name, i, twice[i], g)
					break
				}
			}
		}
	}
}
