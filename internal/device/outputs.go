package device

import (
	"slices"

	"uer/internal/graph"
)

// WithOutputs adapts a program to a device some of whose kernels write all of their outputs. Where writesAll is true, outputs
// that nothing reads, such as what evaluation need not save for a gradient, become values that live for one instruction, of
// the type of activations unless they are exact.
func WithOutputs(p *graph.Program, activations graph.Type, writesAll func(o graph.Op) bool) (*graph.Program, error) {
	q := *p
	q.Values, q.Instructions = slices.Clone(p.Values), slices.Clone(p.Instructions)
	for i := range q.Instructions {
		instruction := &q.Instructions[i]
		if !slices.Contains(instruction.Out, graph.None) || !writesAll(instruction.Op) {
			continue
		}
		var in []graph.Shape
		for _, v := range instruction.In {
			in = append(in, q.Values[v].Shape)
		}
		shapes, err := instruction.Op.OutputShapes(in)
		if err != nil {
			return nil, err
		}
		_, exact := graph.ExactOperands(instruction.Op)
		instruction.Out = slices.Clone(instruction.Out)
		for j, v := range instruction.Out {
			if v == graph.None {
				instruction.Out[j] = len(q.Values)
				t := graph.TypeOfOperand(activations, exact, j, shapes[j])
				q.Values = append(q.Values, graph.Value{Type: t, Shape: shapes[j], Place: graph.InArena})
			}
		}
	}
	return &q, nil
}
