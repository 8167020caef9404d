package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Buffer is a row-major array in host memory: either Floats or Integers.
type Buffer struct {
	Shape    Shape
	Floats   []float32
	Integers []int32
}

// Evaluator computes single operations in host memory.
type Evaluator interface {
	// SavedSize returns the number of elements of the output whose shape is Saved.
	SavedSize(op Op, in []Shape) (int, error)
	Evaluate(op Op, out, in []Buffer) error
}

// Interpretation holds the results of Gorgonia's machine.
type Interpretation struct {
	Outputs   []Buffer          // the loss, then the outputs that Compile was given
	Gradients map[string]Buffer // by name of the parameter
}

// Interpret runs a compiled graph on Gorgonia's own TapeMachine, with an evaluator for our operations. It is slow: tests
// compare programs with it.
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
