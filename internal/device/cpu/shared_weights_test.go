package cpu

import (
	"slices"
	"testing"

	"uer/internal/device"
	"uer/internal/device/devicetest"
	"uer/internal/graph"
	"uer/internal/op"
)

// TestSharedWeights compares runs that pack a weight once for all layers with runs that pack it for each layer, before and
// after the parameters change, with and without accumulation.
func TestSharedWeights(t *testing.T) {
	for name := range Precisions {
		t.Run(name, func(t *testing.T) { testSharedWeights(t, name) })
	}
}

func testSharedWeights(t *testing.T, precision string) {
	const tokens, width, layers = 130, 40, 3
	d, err := New(Options{Threads: 2, Precision: precision})
	if err != nil {
		t.Skip(err)
	}
	defer d.Close()
	b := graph.NewBuilder()
	b.Activations = d.Activations()
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
	once, onceMemory := newExecutable(t, d, program)
	each, eachMemory := newExecutable(t, d, program)
	for _, m := range []*memory{onceMemory, eachMemory} {
		for i, v := range devicetest.Random(program.ParameterSize) {
			m.parameters[i] = 0.1 * v
		}
	}
	want := d.kernel.PackedSize(width, 3*width, d.precision) + d.kernel.PackedSize(3*width, width, d.precision)
	if packed := once.Usage().PackedWeights; packed != int64(4*2*want) {
		t.Errorf("%d bytes for packed weights, want %d for those of the layers only", packed, 4*2*want)
	}
	for i := range each.operands {
		each.operands[i].shared = nil
	}
	for step := range 3 {
		for _, e := range []*executable{once, each} {
			if err := e.Feed(device.Inputs{{Name: "labels", Data: make([]int32, tokens)}}); err != nil {
				t.Fatal(err)
			}
			if err := e.Run(device.Run{Accumulate: step == 1}); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(onceMemory.gradients, eachMemory.gradients) {
			t.Errorf("step %d: gradients differ from those with weights that each layer packs", step)
		}
		for _, m := range []*memory{onceMemory, eachMemory} {
			for i, g := range m.gradients {
				m.parameters[i] -= 0.1 * g
			}
		}
	}
}
