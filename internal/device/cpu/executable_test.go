package cpu

import (
	"errors"
	"math"
	"strings"
	"testing"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/op"
)

// newExecutable loads a program with its own memory.
func newExecutable(t testing.TB, d *Device, p *graph.Program) (*executable, *memory) {
	t.Helper()
	m, err := d.Allocate(p.Layout)
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Load(p, m)
	if err != nil {
		t.Fatal(err)
	}
	return e.(*executable), m.(*memory)
}

// classifier returns a program planned for a number of tokens, for a device that stores activations in float32.
func classifier(t testing.TB, tokens int) *graph.Program {
	t.Helper()
	return classifierIn(t, graph.Float32, tokens)
}

func classifierIn(t testing.TB, activations graph.Type, tokens int) *graph.Program {
	t.Helper()
	const width, classes = 16, 7
	b := graph.NewBuilder()
	b.Activations = activations
	table, weight := b.Parameter("table", 5, width), b.Parameter("weight", classes, width)
	x := b.Apply(op.Embedding{Tables: 1, Scale: 1}, table, b.Input("tokens", graph.Int32, tokens)) // [tokens, width]
	program, err := b.Compile(b.ApplyAll(op.CrossEntropy{}, x, weight, b.Input("labels", graph.Int32, tokens))[0])
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// TestActivationsInBFloat16: they take half the memory, and a program for float32 is refused.
func TestActivationsInBFloat16(t *testing.T) {
	const tokens = 64
	exact, _ := newExecutable(t, newDevice(t, "", 1), classifier(t, tokens))
	d, err := New(Options{Threads: 1, Precision: "bf16"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	program := classifierIn(t, graph.BFloat16, tokens)
	half, m := newExecutable(t, d, program)
	// What is float32 in both, scalars and gaps are at most a cache line each.
	if got, want := half.Usage().Activations, exact.Usage().Activations/2; got < want || got > want+int64(64*len(program.Values)) {
		t.Errorf("%d bytes of activations, in float32 %d", got, 2*want)
	}
	if _, err := d.Load(classifier(t, tokens), m); err == nil || !strings.Contains(err.Error(), "the device needs bfloat16") {
		t.Errorf("a program for float32: %v", err)
	}
}

// TestActivationsUsed runs a program with the number of tokens it was planned for, and with fewer.
func TestActivationsUsed(t *testing.T) {
	const tokens = 64
	program := classifier(t, tokens)
	e, _ := newExecutable(t, newDevice(t, "", 1), program)
	used := func(n int) int64 {
		data := make([]int32, n)
		if err := e.Feed(device.Inputs{{Name: "tokens", Data: data}, {Name: "labels", Data: data}}); err != nil {
			t.Fatal(err)
		}
		if err := e.Run(device.Run{}); err != nil {
			t.Fatal(err)
		}
		return e.Usage().ActivationsUsed
	}
	all, planned := used(tokens), e.Usage().Activations
	// There may be a gap between two values, up to the next cache line.
	if gaps := int64(64 * len(program.Values)); all > planned || all < planned-gaps {
		t.Errorf("a full batch uses %d of %d bytes", all, planned)
	}
	// Scalars and gradients of weights do not shrink with the batch.
	if half := used(tokens / 2); half >= all || half < all/2 {
		t.Errorf("half a batch uses %d bytes, a full one %d", half, all)
	}
}

// deep returns a program of several layers, planned for a number of tokens, whose values all grow with the tokens.
func deep(t testing.TB, tokens int) *graph.Program {
	t.Helper()
	const width, classes = 64, 7
	b := graph.NewBuilder()
	table, ids := b.Parameter("table", 5, width), b.Input("tokens", graph.Int32, tokens)
	x := b.Apply(op.Embedding{Tables: 1, Scale: 1}, table, ids) // [tokens, width]
	for i := range 6 {
		size := width * (1 + i%2) // of its result, so that offsets are of all kinds
		weight := b.Parameter(string(rune('a'+i)), size, graph.Dimensions(x)[1])
		x = b.ApplyAll(op.Linear{Activation: op.GELU}, x, weight)[0]
	}
	weight := b.Parameter("weight", classes, graph.Dimensions(x)[1])
	program, err := b.Compile(b.ApplyAll(op.CrossEntropy{}, x, weight, b.Input("labels", graph.Int32, tokens))[0])
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// TestBatchesTouchWhatTheyNeed runs batches of several sizes and looks at what they have written: a batch of a quarter of the
// tokens touches about a quarter of the memory, from its beginning on, and nothing that larger ones do not.
func TestBatchesTouchWhatTheyNeed(t *testing.T) {
	const tokens = 512
	e, m := newExecutable(t, newDevice(t, "", 1), deep(t, tokens))
	for i := range m.parameters {
		m.parameters[i] = float32(i%7-3) / 64
	}
	untouched := math.Float32frombits(0x7fc0dead)
	touched := func(n int) int {
		for i := range e.values {
			e.values[i] = untouched
		}
		ids := make([]int32, n)
		fed := e.Feed(device.Inputs{{Name: "tokens", Data: ids}, {Name: "labels", Data: ids}})
		if err := errors.Join(fed, e.Run(device.Run{})); err != nil {
			t.Fatal(err)
		}
		for i := len(e.values); i > 0; i-- {
			if math.Float32bits(e.values[i-1]) != math.Float32bits(untouched) {
				return i
			}
		}
		return 0
	}
	all := touched(tokens)
	for _, n := range []int{tokens / 4, 17, tokens / 2, tokens} {
		reached, used := touched(n), int(e.Usage().ActivationsUsed/4)
		share := float64(reached) / float64(all) * tokens / float64(n)
		// Each value ends on a cache line, and scalars do not shrink.
		slack := cacheLine * len(e.program.Values)
		if reached > used+slack || share > 1.02+float64(slack)/float64(all)*tokens/float64(n) {
			t.Errorf("%d of %d tokens reach %d of %d elements, of which they use %d", n, tokens, reached, all, used)
		}
	}
}

// TestRunNeedsInputs checks that the inputs are checked, and must be fed before each run.
func TestRunNeedsInputs(t *testing.T) {
	e, _ := newExecutable(t, newDevice(t, "", 1), classifier(t, 4))
	ids := make([]int32, 4)
	if err := e.Feed(device.Inputs{{Name: "tokens", Data: ids}}); err == nil || err.Error() != `input "labels" is missing` {
		t.Errorf("an input too few: error %v", err)
	}
	if err := errors.Join(e.Feed(device.Inputs{{Name: "tokens", Data: ids}, {Name: "labels", Data: ids}}), e.Run(device.Run{})); err != nil {
		t.Error(err)
	}
	if err := e.Run(device.Run{}); err == nil || !strings.Contains(err.Error(), "not fed") {
		t.Errorf("a second run on the same inputs: error %v", err)
	}
}

// unknown is an operation without a kernel.
type unknown struct{ op.Total }

func (unknown) Name() string { return "unknown" }

// TestLoadRefuses loads an operation that the CPU lacks, and loads into memory that does not fit.
func TestLoadRefuses(t *testing.T) {
	d, p := newDevice(t, "", 1), classifier(t, 4)
	m, err := d.Allocate(graph.NewLayout())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(p, m); err == nil || !strings.Contains(err.Error(), "the memory 0 and") {
		t.Errorf("another layout: error %v", err)
	}
	p.Instructions = append(p.Instructions, graph.Instruction{Op: unknown{}})
	if m, err = d.Allocate(p.Layout); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(p, m); err == nil || err.Error() != "the CPU has no kernel for unknown" {
		t.Errorf("an unknown operation: error %v", err)
	}
}

// TestGuard checks that a loss that is not finite sets the flag, and that a finite one does not reset it.
func TestGuard(t *testing.T) {
	e, m := newExecutable(t, newDevice(t, "", 1), classifier(t, 4))
	ids := make([]int32, 4)
	for _, step := range []struct{ weight, want float32 }{{0.5, 0}, {float32(math.NaN()), 1}, {0.5, 1}} {
		m.parameters[0] = step.weight
		if err := e.Feed(device.Inputs{{Name: "tokens", Data: ids}, {Name: "labels", Data: ids}}); err != nil {
			t.Fatal(err)
		}
		if err := e.Run(device.Run{}); err != nil {
			t.Fatal(err)
		}
		if m.state[0] != step.want {
			t.Errorf("with a weight of %v the flag is %v, want %v", step.weight, m.state[0], step.want)
		}
	}
}
