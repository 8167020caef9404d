package cuda

import (
	"strings"
	"testing"

	"uer/internal/graph"
	"uer/internal/op"
	"uer/internal/optimizer"
)

// large makes a program that takes much memory of each kind.
func large(t *testing.T, activations graph.Type) *graph.Program {
	t.Helper()
	const tokens, width, heads, length = 20000, 4, 2, 5000
	b := graph.NewBuilder()
	b.Activations = activations
	ids, labels := b.Input("ids", graph.Int32, tokens), b.Input("labels", graph.Int32, tokens)
	starts, rows := b.Input("starts", graph.Int32, 5), b.Input("rows", graph.Int32, tokens)
	x := b.Apply(op.Embedding{Tables: 1, Scale: 1}, b.Parameter("table", 5000, width), ids)
	bias := b.Apply(op.PositionBias{MaxLength: length, Bidirectional: true}, b.Parameter("bias", 32, heads))
	var maps []*graph.Node
	for _, name := range []string{"q", "k", "v"} {
		maps = append(maps, b.Apply(op.Linear{}, x, b.Parameter(name, width, width)))
	}
	x = b.Apply(op.Attention{Heads: heads, Scale: 1, Bias: true, MaxLength: length}, append(maps, starts, rows, bias)...)
	p, err := b.Compile(b.Apply(op.CrossEntropy{}, x, b.Parameter("classes", 1000, width), labels))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestUsageIsWhatIsAllocated loads a program and an update, and compares what they say that they take with what the GPU
// lacks then.
func TestUsageIsWhatIsAllocated(t *testing.T) {
	for _, precision := range []string{"fp32", "bf16"} {
		t.Run(precision, func(t *testing.T) { testUsage(t, openIn(t, precision)) })
	}
}

func testUsage(t *testing.T, d *Device) {
	pass := large(t, d.Activations())
	if !strings.HasPrefix(d.gpu.Name, "vgpu") {
		t.Skip("on a GPU, other programs may take memory, too")
	}
	o, err := optimizer.New(optimizer.Settings{Name: "adafactor"}, pass.Layout)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Allocate(o.Program.Layout)
	if err != nil {
		t.Fatal(err)
	}
	first, err := d.Load(pass, m)
	if err != nil {
		t.Fatal(err)
	}
	second, err := d.Load(o.Program, m)
	if err != nil {
		t.Fatal(err)
	}
	a, b := first.Usage(), second.Usage()
	said := a.Parameters + a.Gradients + a.State + a.Activations + b.Activations + a.Inputs + b.Inputs + a.Scratch
	free, err := d.gpu.FreeMemory()
	if err != nil {
		t.Fatal(err)
	}
	const rounding = 20 * 512 // each buffer is rounded up
	if taken := d.gpu.Memory - free; taken < said || taken > said+rounding {
		t.Errorf("%d bytes are allocated, and the programs say %d: %+v, %+v", taken, said, a, b)
	}
	const least = 2 * 4 * (3*20000 + 5000) // two slots of inputs, the constants of the position bias in each direction
	if a.Inputs < least || a.Scratch != b.Scratch || a.Scratch < 64<<20 {
		t.Errorf("inputs and constants of %d bytes, at least %d; scratch of %d bytes", a.Inputs, least, a.Scratch)
	}
}
