package cpu

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"uer/internal/device"
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
	t, b := kernelOf(func(_ *Device, _ weigh) compute {
		return func(_ *device.Run, out, in []operand, _ []bool) {
			var sum float64
			for i, y := range in[0].Floats {
				sum += float64(y) * float64(in[1].Floats[i])
			}
			out[0].Floats[0] = float32(sum)
		}
	}).row()
	kernels[t] = b
}

// evaluator runs single operations for Gorgonia's machine.
type evaluator struct{ *Device }

func (e evaluator) SavedSize(o graph.Op, in []graph.Shape) (int, error) { return e.savedSize(o, in) }

func (e evaluator) Evaluate(o graph.Op, out, in []graph.Buffer) error {
	b, err := e.find(o)
	if err != nil {
		return err
	}
	operands := func(buffers []graph.Buffer) (list []operand) {
		for _, b := range buffers {
			list = append(list, operand{Shape: b.Shape, Floats: b.Floats, Integers: b.Integers})
		}
		return list
	}
	b.bind(e.Device, o)(&device.Run{}, operands(out), operands(in), make([]bool, len(out)))
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

// opTest is an operation on parameters and integer inputs.
type opTest struct {
	name       string
	parameters [][]int
	integers   map[string][]int32
	build      func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node
}

// declaresParameter names the test whose operations declare a parameter, which is possible only once.
const declaresParameter = "the sum of two cross entropies over one weight"

// A batch of three sequences of 4, 0 and 3 tokens in rows of 5.
var (
	starts = []int32{0, 4, 4, 7}
	rows   = []int32{0, 1, 2, 3, 10, 11, 12}
)

var opTests = []opTest{
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
	{"two gated convolutions", [][]int{{7, 3}, {4, 1, 2, 3}, {4}, {4}, {4, 1, 2, 3}, {4}, {4}, {4, 4, 2, 1}, {4}, {4}, {4, 4, 2, 1}, {4}, {4}}, nil,
		func(b *graph.Builder, p []*graph.Node, _ func(string) *graph.Node) *graph.Node {
			first := append(p[:7:7], startsOf(b))
			h := b.Apply(op.GatedConvolution{Taps: 2}, first...)
			second := append(append([]*graph.Node{h}, p[7:]...), startsOf(b))
			return b.Apply(op.GatedConvolution{Taps: 2, TapsLast: true}, second...)
		}},
	{"gather", [][]int{{7, 5}}, map[string][]int32{"index": {1, 2, 6}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			return b.Apply(op.Gather{}, p[0], input("index"), rowsOf(b))
		}},
	{"cross entropy", [][]int{{4, 5}, {9, 5}, {9}}, map[string][]int32{"labels": {3, 0, 8, 3}},
		func(b *graph.Builder, p []*graph.Node, input func(string) *graph.Node) *graph.Node {
			return b.Apply(op.CrossEntropy{Bias: true}, p[0], p[1], p[2], input("labels"))
		}},
	{declaresParameter, [][]int{{4, 5}, {9, 5}}, map[string][]int32{"labels": {3, 0, 8, 3}},
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
func square(b *graph.Builder) *graph.Node   { return b.Parameter("square", 5, 5) }

// built is an opTest on a graph with values.
type built struct {
	builder    *graph.Builder
	program    *graph.Program
	parameters []float32
	integers   map[string][]int32
}

func (test opTest) compile(t *testing.T) built {
	t.Helper()
	result := built{builder: graph.NewBuilder(), integers: map[string][]int32{"rows": rows, "starts": starts}}
	for name, data := range test.integers {
		result.integers[name] = data
	}
	b := result.builder
	for name, data := range result.integers {
		b.Input(name, graph.Int32, len(data))
	}
	var parameters []*graph.Node
	for i, shape := range test.parameters {
		parameters = append(parameters, b.Parameter(fmt.Sprint("p", i), shape...))
	}
	y := test.build(b, parameters, b.Named)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	if shape := graph.Dimensions(y); len(shape) > 0 {
		y = b.Apply(weigh{}, y, b.Frozen("weight", shape...))
	}
	program, err := b.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	result.program = program
	result.parameters = random(program.ParameterSize)
	return result
}

func random(n int) []float32 {
	generator := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(generator.NormFloat64())
	}
	return values
}

// execute runs the program and returns the loss and the gradients.
func (b built) execute(t *testing.T, d *Device) (float32, []float32) {
	t.Helper()
	return b.passes(t, d, 1)
}

// accumulate runs the program twice, the second time adding to the gradients.
func (b built) accumulate(t *testing.T, d *Device) []float32 {
	t.Helper()
	_, gradients := b.passes(t, d, 2)
	return gradients
}

func (b built) passes(t *testing.T, d *Device, passes int) (loss float32, gradients []float32) {
	t.Helper()
	m, err := d.Allocate(b.program.Layout)
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Load(b.program, m)
	if err != nil {
		t.Fatal(err)
	}
	var inputs device.Inputs
	for name, data := range b.integers {
		inputs = append(inputs, device.Input{Name: name, Data: data})
	}
	if err := m.Write(graph.InParameters, 0, b.parameters); err != nil {
		t.Fatal(err)
	}
	for pass := range passes {
		if err := errors.Join(e.Feed(inputs), e.Run(device.Run{Accumulate: pass > 0})); err != nil {
			t.Fatal(err)
		}
	}
	figures, err := e.Figures(true)
	if err != nil {
		t.Fatal(err)
	}
	gradients = make([]float32, b.program.ParameterSize)
	if err := m.Read(graph.InGradients, 0, gradients); err != nil {
		t.Fatal(err)
	}
	return float32(figures[0].Outputs[0]), gradients
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
			for _, test := range opTests {
				t.Run(test.name, func(t *testing.T) {
					b := test.compile(t)
					loss, gradients := b.execute(t, d)
					compareWithMachine(t, d, b, loss, gradients)
					for _, p := range b.program.Parameters {
						for i := p.Offset; i < p.Offset+p.Shape.Elements() && !p.Frozen; i++ {
							compareWithDifference(t, d, b, p.Name, i, gradients[i])
						}
					}
				})
			}
		})
	}
}

func compareWithMachine(t *testing.T, d *Device, b built, loss float32, gradients []float32) {
	t.Helper()
	values := map[string]graph.Buffer{}
	for name, data := range b.integers {
		values[name] = graph.Buffer{Integers: data}
	}
	for _, p := range b.program.Parameters {
		values[p.Name] = graph.Buffer{Floats: b.parameters[p.Offset:][:p.Shape.Elements()]}
	}
	machine, err := b.builder.Interpret(evaluator{d}, values)
	if err != nil {
		t.Fatal(err)
	}
	if got := machine.Outputs[0].Floats[0]; got != loss {
		t.Errorf("loss %v, on Gorgonia's machine %v", loss, got)
	}
	for _, p := range b.program.Parameters {
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
func compareWithDifference(t *testing.T, d *Device, b built, name string, i int, gradient float32) {
	t.Helper()
	const h, tolerance = 1e-2, 5e-3
	old := b.parameters[i]
	b.parameters[i] = old + h
	above, _ := b.execute(t, d)
	b.parameters[i] = old - h
	below, _ := b.execute(t, d)
	b.parameters[i] = old
	difference := float64(above-below) / (2 * h)
	if math.Abs(difference-float64(gradient)) > tolerance*(1+math.Abs(difference)) {
		t.Errorf("gradient of %s, element %d, is %v, the finite difference %v", name, i, gradient, difference)
	}
}

// TestEveryOpIsTested checks that every kernel has a test here. Those that update parameters are tested in package
// optimizer.
func TestEveryOpIsTested(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for _, test := range opTests {
		for _, instruction := range test.compile(t).program.Instructions {
			seen[reflect.TypeOf(instruction.Op)] = true
		}
	}
	updates := []graph.Op{graph.Copy{}, op.SumSquares{}, op.Clip{}, op.AdamW{}, op.Adafactor{}}
	for o := range kernels {
		if !seen[o] && !slices.ContainsFunc(updates, func(u graph.Op) bool { return reflect.TypeOf(u) == o }) {
			t.Errorf("no test uses the operation %v", o)
		}
	}
}
