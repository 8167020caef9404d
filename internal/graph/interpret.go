package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Buffer is a row-major value in host memory: Floats or Integers, by its type.
type Buffer struct {
	Shape    Shape
	Floats   []float32
	Integers []int32
}

// Evaluator runs single operations in host memory.
type Evaluator interface {
	// SavedSize is the number of elements that an operation saves, for its output whose shape is Saved.
	SavedSize(op Op, in []Shape) (int, error)
	Evaluate(op Op, out, in []Buffer) error
}

// Interpretation is what Gorgonia's machine computed.
type Interpretation struct {
	Outputs   []Buffer          // of the outputs that Compile was given, the loss first
	Gradients map[string]Buffer // by the parameter's name
}

// Interpret runs a compiled graph on Gorgonia's own TapeMachine, with an evaluator for our operations. It is slow, and
// there to check programs against.
func (b *Builder) Interpret(evaluator Evaluator, values map[string]Buffer) (*Interpretation, error) {
	b.evaluator = evaluator
	for _, n := range slices.Concat(b.inputs, b.parameters) {
		v, ok := values[n.Name()]
		if !ok {
			return nil, fmt.Errorf("%s has no value", n.Name())
		}
		var backing any = v.Floats
		if v.Integers != nil {
			backing = v.Integers
		}
		if err := gorgonia.Let(n, tensor.New(tensor.WithShape(n.Shape()...), tensor.WithBacking(backing))); err != nil {
			return nil, fmt.Errorf("%s: %w", n.Name(), err)
		}
	}
	machine := gorgonia.NewTapeMachine(b.graph)
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		return nil, fmt.Errorf("running Gorgonia's machine: %w", err)
	}
	result := &Interpretation{Gradients: map[string]Buffer{}}
	for _, n := range b.outputs {
		result.Outputs = append(result.Outputs, bufferOf(n.Value(), Shape(n.Shape())))
	}
	for i, n := range b.gradients {
		if n == nil {
			continue
		}
		result.Gradients[b.parameters[i].Name()] = bufferOf(n.Value(), Shape(n.Shape()))
	}
	return result, nil
}
