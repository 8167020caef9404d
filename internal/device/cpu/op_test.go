package cpu

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"uer/internal/device"
	"uer/internal/device/devicetest"
	"uer/internal/graph"
	"uer/internal/kernel"
	"uer/internal/op"
)

// weigh is the sum of y·w: a scalar loss of any output. w has no gradient.
type weigh struct{}

func (weigh) Name() string                                      { return "weigh" }
func (weigh) OutputShapes([]graph.Shape) ([]graph.Shape, error) { return []graph.Shape{{}}, nil }
func (weigh) HasGradient() []bool                               { return []bool{true, false} }
func (weigh) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	return []*graph.Node{b.Apply(op.Scale{}, in[1], dy), nil}
}

func init() {
	kernels.Add(device.BindingOf(func(_ *Device, _ weigh) compute {
		return func(_ *device.Run, out, in []operand, _ []bool) {
			var sum float64
			for i, y := range in[0].Floats {
				sum += float64(y) * float64(in[1].Floats[i])
			}
			out[0].Floats[0] = float32(sum)
		}
	}))
}

// evaluator runs single operations for Gorgonia's machine.
type evaluator struct{ *Device }

func (e evaluator) SavedSize(o graph.Op, in []graph.Shape) (int, error) {
	return kernels.SavedSize(e.Device)(o, in)
}

func (e evaluator) Evaluate(o graph.Op, out, in []graph.Buffer) error {
	b, err := kernels.Find(o)
	if err != nil {
		return err
	}
	operands := func(buffers []graph.Buffer) (list []operand) {
		for _, b := range buffers {
			list = append(list, operand{Shape: b.Shape, Array: kernel.Floats(b.Floats), Integers: b.Integers})
		}
		return list
	}
	b.Bind(e.Device, o)(&device.Run{}, operands(out), operands(in), make([]bool, len(out)))
	return nil
}

// newDevice returns a device that uses an instruction set.
func newDevice(t testing.TB, set string, threads int) *Device {
	t.Helper()
	if set != "" {
		t.Setenv("UER_CPU", set)
	}
	d, err := New(Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// weighed makes a loss of y by weights that are drawn.
func weighed(b *graph.Builder, y *graph.Node) *graph.Node {
	return b.Apply(weigh{}, y, b.Frozen("weight", graph.Dimensions(y)...))
}

func compile(t *testing.T, c devicetest.Case) *devicetest.Program {
	t.Helper()
	p, err := c.Compile(weighed, graph.Float32)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// execute runs a program and returns the loss and the gradients.
func execute(t *testing.T, p *devicetest.Program, d *Device, passes int) (float64, []float32) {
	t.Helper()
	loss, gradients, err := p.Run(d, passes)
	if err != nil {
		t.Fatal(err)
	}
	return loss, gradients
}

// TestOps compares our executables with Gorgonia's machine, and their gradients with finite differences, for every
// operation and with every instruction set (in short mode, the best one).
func TestOps(t *testing.T) {
	sets := kernel.InstructionSets()
	if testing.Short() {
		sets = sets[:1]
	}
	for _, set := range sets {
		t.Run(set, func(t *testing.T) {
			d := newDevice(t, set, 2)
			for _, test := range devicetest.Cases {
				t.Run(test.Name, func(t *testing.T) {
					b := compile(t, test)
					loss, gradients := execute(t, b, d, 1)
					compareWithMachine(t, d, b, loss, gradients)
					for _, p := range b.Parameters {
						for i := p.Offset; i < p.Offset+p.Shape.Elements() && !p.Frozen; i++ {
							compareWithDifference(t, d, b, p.Name, i, gradients[i])
						}
					}
				})
			}
		})
	}
}

func compareWithMachine(t *testing.T, d *Device, b *devicetest.Program, loss float64, gradients []float32) {
	t.Helper()
	values := map[string]graph.Buffer{}
	for name, data := range b.Integers {
		values[name] = graph.Buffer{Integers: data}
	}
	for _, p := range b.Parameters {
		values[p.Name] = graph.Buffer{Floats: b.Initial[p.Offset:][:p.Shape.Elements()]}
	}
	machine, err := b.Builder.Interpret(evaluator{d}, values)
	if err != nil {
		t.Fatal(err)
	}
	if got := float64(machine.Outputs[0].Floats[0]); got != loss {
		t.Errorf("loss %v, on Gorgonia's machine %v", loss, got)
	}
	for _, p := range b.Parameters {
		for i, want := range machine.Gradients[p.Name].Floats {
			// Sums of several terms are computed in another order.
			if got := gradients[p.Offset+i]; math.Abs(float64(got-want)) > 1e-5*(1+math.Abs(float64(want))) {
				t.Errorf("gradient of %s[%d] is %v, on Gorgonia's machine %v", p.Name, i, got, want)
			}
		}
	}
}

// compareWithDifference checks one element of a gradient. The error of a central difference over 2h is about h² times the
// third derivative plus the rounding of the loss over h. The tolerance covers both at h = 0.01 for values of order 1.
func compareWithDifference(t *testing.T, d *Device, b *devicetest.Program, name string, i int, gradient float32) {
	t.Helper()
	const h, tolerance = 1e-2, 5e-3
	old := b.Initial[i]
	b.Initial[i] = old + h
	above, _ := execute(t, b, d, 1)
	b.Initial[i] = old - h
	below, _ := execute(t, b, d, 1)
	b.Initial[i] = old
	difference := float64(above-below) / (2 * h)
	if math.Abs(difference-float64(gradient)) > tolerance*(1+math.Abs(difference)) {
		t.Errorf("gradient of %s, element %d, is %v, the finite difference %v", name, i, gradient, difference)
	}
}

// TestEveryOpIsTested checks that every kernel has a test here. Those that update parameters are tested in package
// optimizer, and RecurrentFrom, which has no gradient, in TestRecurrentFrom.
func TestEveryOpIsTested(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for _, test := range devicetest.Cases {
		for _, instruction := range compile(t, test).Instructions {
			seen[reflect.TypeOf(instruction.Op)] = true
		}
	}
	elsewhere := []graph.Op{
		op.RecurrentFrom{}, graph.Copy{}, op.SumSquares{}, op.Clip{}, op.AdamW{}, op.Adafactor{}, op.StableAdamW{}, op.Muon{},
	}
	for o := range kernels.Operations() {
		if !seen[o] && !slices.ContainsFunc(elsewhere, func(u graph.Op) bool { return reflect.TypeOf(u) == o }) {
			t.Errorf("no test uses the operation %v", o)
		}
	}
}

// TestOpsInBFloat16 compares every operation on activations that are stored in bfloat16 with float32, with every instruction
// set, also where gradients add up.
func TestOpsInBFloat16(t *testing.T) {
	exact := newDevice(t, "", 1)
	trials, err := devicetest.Trials("bf16")
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range kernel.InstructionSets() {
		d, err := New(Options{Threads: 2, Precision: "bf16", Set: set})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for _, trial := range trials {
			if strings.HasPrefix(trial.Name, "update") { // has no activations
				continue
			}
			c, err := trial.Compare(d, exact)
			if err != nil {
				t.Fatalf("%s, %s: %v", set, trial.Name, err)
			}
			if !c.Right() {
				t.Errorf("%s, %s: worst difference from float32 %v, the same bits twice: %v", set, trial.Name, c.Worst, c.Repeats)
			}
		}
	}
}
