package graph

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// double is y = 2x with a gradient; state makes it a tuple that saves x for its gradient.
type double struct{ state bool }

func (double) Name() string { return "double" }
func (o double) OutputShapes(in []Shape) ([]Shape, error) {
	if o.state {
		return []Shape{in[0], in[0]}, nil
	}
	return in[:1], nil
}
func (double) HasGradient() []bool { return []bool{true} }
func (o double) Grad(b *Builder, _ []*Node, out func(int) *Node, dy *Node) []*Node {
	if o.state {
		return []*Node{b.Apply(doubleGradient{}, dy, out(1))}
	}
	return []*Node{b.Apply(doubleGradient{}, dy)}
}

type doubleGradient struct{}

func (doubleGradient) Name() string                             { return "double gradient" }
func (doubleGradient) OutputShapes(in []Shape) ([]Shape, error) { return in[:1], nil }

// square is y = x² with a gradient that reads x.
type square struct{}

func (square) Name() string                             { return "square" }
func (square) OutputShapes(in []Shape) ([]Shape, error) { return in[:1], nil }
func (square) HasGradient() []bool                      { return []bool{true} }
func (square) Grad(b *Builder, in []*Node, _ func(int) *Node, dy *Node) []*Node {
	return []*Node{b.Apply(squareGradient{}, in[0], dy)}
}

type squareGradient struct{}

func (squareGradient) Name() string                             { return "square gradient" }
func (squareGradient) OutputShapes(in []Shape) ([]Shape, error) { return in[:1], nil }

// quadruple is y = 4x. It saves 2x for its gradient, from which y can be restored.
type quadruple struct{}

func (quadruple) Name() string                             { return "quadruple" }
func (quadruple) OutputShapes(in []Shape) ([]Shape, error) { return []Shape{in[0], in[0]}, nil }
func (quadruple) HasGradient() []bool                      { return []bool{true} }
func (quadruple) Grad(b *Builder, _ []*Node, out func(int) *Node, dy *Node) []*Node {
	return []*Node{b.Apply(quadrupleGradient{}, dy, out(1))}
}
func (quadruple) Restore(_, out []int) (op Op, restoreIn, restoreOut []int) {
	return double{}, out[1:], out[:1]
}

type quadrupleGradient struct{}

func (quadrupleGradient) Name() string                             { return "quadruple gradient" }
func (quadrupleGradient) OutputShapes(in []Shape) ([]Shape, error) { return in[:1], nil }

// total is the sum of all elements of its inputs.
type total struct{ inputs int }

func (total) Name() string                          { return "total" }
func (total) OutputShapes([]Shape) ([]Shape, error) { return []Shape{{}}, nil }
func (o total) HasGradient() []bool                 { return slices.Repeat([]bool{true}, o.inputs) }
func (o total) Grad(b *Builder, in []*Node, _ func(int) *Node, dy *Node) []*Node {
	grads := make([]*Node, len(in))
	for i, n := range in {
		grads[i] = b.Apply(fill{}, dy, n)
	}
	return grads
}

// fill has the shape of its second input, filled with the first.
type fill struct{}

func (fill) Name() string                             { return "fill" }
func (fill) OutputShapes(in []Shape) ([]Shape, error) { return in[1:2], nil }

// evaluator runs the operations of this test.
type evaluator struct{}

func (evaluator) SavedSize(op Op, _ []Shape) (int, error) {
	return 0, fmt.Errorf("%s saves nothing", op.Name())
}
func (evaluator) Evaluate(op Op, out, in []Buffer) error {
	run(op, out, in, make([]bool, len(out)))
	return nil
}

func run(op Op, out, in []Buffer, accumulate []bool) {
	for i, o := range out {
		if o.Floats == nil {
			continue
		}
		for j := range o.Floats {
			var y float32
			switch op.(type) {
			case double:
				y = in[0].Floats[j]
				if i == 0 {
					y *= 2
				}
			case doubleGradient:
				y = 2 * in[0].Floats[j]
			case square:
				y = in[0].Floats[j] * in[0].Floats[j]
			case squareGradient:
				y = 2 * in[0].Floats[j] * in[1].Floats[j]
			case quadruple:
				y = 4 * in[0].Floats[j]
				if i == 1 {
					y /= 2
				}
			case quadrupleGradient:
				y = 4 * in[0].Floats[j]
			case fill:
				y = in[0].Floats[0]
			case Copy:
				y = in[0].Floats[j]
			case total:
				for _, x := range in {
					for _, v := range x.Floats {
						y += v
					}
				}
			}
			if accumulate[i] {
				y += o.Floats[j]
			}
			o.Floats[j] = y
		}
	}
}

// execute runs a program the way a device does.
func execute(p *Program, parameters []float32) (outputs, gradients []float32) {
	gradients = make([]float32, p.ParameterSize)
	state := make([]float32, p.StateSize)
	arena := map[int][]float32{}
	buffer := func(v int) Buffer {
		if v == None {
			return Buffer{}
		}
		value := p.Values[v]
		n := value.Shape.Elements()
		switch value.Place {
		case InConstant:
			return Buffer{Shape: value.Shape, Floats: []float32{value.Constant}}
		case InArena:
			if arena[v] == nil {
				arena[v] = slices.Repeat([]float32{1e9}, n) // what was never written must not be read
			}
			return Buffer{Shape: value.Shape, Floats: arena[v]}
		}
		memory := map[Place][]float32{InParameters: parameters, InGradients: gradients, InState: state}[value.Place]
		return Buffer{Shape: value.Shape, Floats: memory[value.Offset:][:n]}
	}
	for _, instruction := range p.Instructions {
		var in, out []Buffer
		for _, v := range instruction.In {
			in = append(in, buffer(v))
		}
		for _, v := range instruction.Out {
			out = append(out, buffer(v))
		}
		run(instruction.Op, out, in, instruction.Accumulate)
	}
	for _, v := range p.Outputs {
		outputs = append(outputs, buffer(v).Floats[0])
	}
	return outputs, gradients
}

// TestCompile checks outputs and gradients of graphs that need every kind of sum, by our instructions and on Gorgonia's
// machine.
func TestCompile(t *testing.T) {
	tests := map[string]struct {
		build    func(b *Builder, x, y *Node) *Node
		loss     float32 // with x = 1, 2, 3 and y = 4, 5, 6
		dx, dy   float32 // the same for all elements
		noCopies bool
	}{
		"chain": {
			build: func(b *Builder, x, y *Node) *Node {
				return b.Apply(total{2}, b.Apply(double{}, b.Apply(double{}, x)), y)
			},
			loss:     24 + 15,
			dx:       4,
			dy:       1,
			noCopies: true,
		},
		"a parameter used three times accumulates in place": {
			build: func(b *Builder, x, y *Node) *Node {
				return b.Apply(total{4}, b.Apply(double{}, x), b.Apply(double{state: true}, x), x, y)
			},
			loss:     5*6 + 15,
			dx:       5,
			dy:       1,
			noCopies: true,
		},
		"an intermediate used twice": {
			build: func(b *Builder, x, y *Node) *Node {
				h := b.Apply(double{state: true}, x)
				return b.Apply(total{3}, b.Apply(double{}, h), h, b.Apply(double{}, y))
			},
			loss:     6*6 + 30,
			dx:       6,
			dy:       2,
			noCopies: true,
		},
		"two parameters with one gradient": {
			build: func(b *Builder, x, y *Node) *Node { return b.Apply(sharedGradient{}, x, y) },
			loss:  0, dx: 1, dy: 1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := NewBuilder()
			x, y := b.Parameter("x", 3), b.Parameter("y", 3)
			p, err := b.Compile(test.build(b, x, y))
			if err != nil {
				t.Fatal(err)
			}
			parameters := make([]float32, p.ParameterSize)
			copy(parameters[p.Parameters[0].Offset:], []float32{1, 2, 3})
			copy(parameters[p.Parameters[1].Offset:], []float32{4, 5, 6})
			outputs, gradients := execute(p, parameters)
			machine, err := b.Interpret(evaluator{}, map[string]Buffer{
				"x": {Shape: Shape{3}, Floats: []float32{1, 2, 3}},
				"y": {Shape: Shape{3}, Floats: []float32{4, 5, 6}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if outputs[0] != test.loss || machine.Outputs[0].Floats[0] != test.loss {
				t.Errorf("loss %v, on Gorgonia's machine %v, want %v", outputs[0], machine.Outputs[0].Floats[0], test.loss)
			}
			for i, want := range []float32{test.dx, test.dy} {
				parameter := p.Parameters[i]
				expected := slices.Repeat([]float32{want}, 3)
				if got := gradients[parameter.Offset:][:3]; !slices.Equal(got, expected) {
					t.Errorf("gradient of %s is %v, want %v", parameter.Name, got, expected)
				}
				if got := machine.Gradients[parameter.Name].Floats; !slices.Equal(got, expected) {
					t.Errorf("Gorgonia's gradient of %s is %v, want %v", parameter.Name, got, expected)
				}
			}
			for _, instruction := range p.Instructions {
				if instruction.Op == (Copy{}) && test.noCopies {
					t.Error("a sum was not accumulated in place")
				}
			}
		})
	}
}

// sharedGradient is an operation that gives both inputs one gradient.
type sharedGradient struct{ total }

func (sharedGradient) Name() string        { return "shared gradient" }
func (sharedGradient) HasGradient() []bool { return []bool{true, true} }
func (sharedGradient) Grad(b *Builder, in []*Node, _ func(int) *Node, dy *Node) []*Node {
	d := b.Apply(fill{}, dy, in[0])
	return []*Node{d, d}
}

// TestUnusedInputs: only inputs that an instruction reads have to be fed.
func TestUnusedInputs(t *testing.T) {
	b := NewBuilder()
	x := b.Parameter("x", 3)
	b.Input("unused", Int32, 3)
	p, err := b.Compile(b.Apply(total{2}, x, b.Input("used", Float32, 3)))
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Collect(maps.Keys(p.Inputs)); !slices.Equal(names, []string{"used"}) {
		t.Errorf("inputs %v, want the one that is used", names)
	}
}

// TestGuard: a program ends by checking its loss.
func TestGuard(t *testing.T) {
	b := NewBuilder()
	p, err := b.Compile(b.Apply(total{1}, b.Parameter("x", 3)))
	if err != nil {
		t.Fatal(err)
	}
	last := p.Instructions[len(p.Instructions)-1]
	if last.Op != (Guard{}) || last.In[0] != p.Outputs[0] || p.Values[last.Out[0]].Place != InState {
		t.Errorf("the last instruction is %+v, want a guard on the loss %d", last, p.Outputs[0])
	}
}

func TestBuilderKeepsFirstError(t *testing.T) {
	b := NewBuilder()
	x := b.Parameter("x", 3)
	b.Parameter("x", 3)
	if b.Apply(double{}, x) != nil {
		t.Error("an operation was applied after an error")
	}
	if _, err := b.Compile(x); err == nil || err.Error() != "parameter x is declared twice" {
		t.Errorf("error %v", err)
	}
}
