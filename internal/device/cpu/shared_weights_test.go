package cpu

import (
	"slices"
	"testing"

	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// TestSharedWeights compares runs that pack a weight once for all layers with runs in which each layer packs it, before
// and after the parameters change, with and without accumulation.
func TestSharedWeights(t *testing.T) {
	const tokens, width, layers = 130, 40, 3
	b := graph.NewBuilder()
	shared := [][]*graph.Node{
		{b.Parameter("inner", 3*width, width), b.Parameter("inner bias", 3*width)},
		{b.Parameter("outer", width, 3*width)},
	}
	h := b.Parameter("input", tokens, width)
	for range layers {
		inner := b.Apply(op.Linear{Bias: true, Activation: op.GELU}, append([]*graph.Node{h}, shared[0]...)...) // [tokens, 3*width]
		h = b.Apply(op.Linear{}, append([]*graph.Node{inner}, shared[1]...)...)                                 // [tokens, width]
	}
	h = b.Apply(op.Linear{}, h, b.Parameter("last", width, width)) // [tokens, width]
	classes := b.Parameter("classes", 7, width)
	program, err := b.Compile(b.ApplyAll(op.CrossEntropy{}, h, classes, b.Input("labels", graph.Int32, tokens))[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, precision := range map[string]kernel.Precision{"fp32": kernel.Float32, "bf16": kernel.BFloat16} {
		t.Run(name, func(t *testing.T) {
			k, err := kernel.New(2)
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			if precision == kernel.BFloat16 && !k.SupportsBF16() {
				t.Skip("no products in bfloat16")
			}
			c := NewCPU(k)
			c.Precision = precision
			once := newExecutor(t, c, program, make([]int32, tokens))
			each := newExecutor(t, c, program, make([]int32, tokens))
			want := k.PackedSize(width, 3*width, precision) + k.PackedSize(3*width, width, precision)
			if packed := once.Packed(); packed != int64(4*2*want) {
				t.Errorf("%d bytes for packed weights, want %d for those of the layers only", packed, 4*2*want)
			}
			each.weights = nil
			for step := range 3 {
				for _, e := range []*Executor{once, each} {
					if err := e.Run(&Run{Accumulate: step == 1}); err != nil {
						t.Fatal(err)
					}
				}
				if !slices.Equal(once.Gradients(), each.Gradients()) {
					t.Errorf("step %d: gradients differ from those with weights that each layer packs", step)
				}
				for _, e := range []*Executor{once, each} {
					for i, g := range e.Gradients() {
						e.Parameters()[i] -= 0.1 * g
					}
				}
			}
		})
	}
}

func newExecutor(t *testing.T, c *CPU, program *graph.Program, labels []int32) *Executor {
	t.Helper()
	parameters := random(program.ParameterSize)
	for i := range parameters {
		parameters[i] *= 0.1
	}
	e, err := NewExecutor(c, program, parameters)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Feed("labels", labels); err != nil {
		t.Fatal(err)
	}
	return e
}
