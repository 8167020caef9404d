package device

import (
	"slices"

	"uer/internal/graph"
)

// WithCopies adapts a program to a device whose kernels cannot all add to their outputs. Where canAdd is false and an
// instruction adds to an output, or a run may make it do so because the output is a gradient, the instruction writes a new
// value instead, and a copy adds that. origin maps the instructions of the result to those of p.
func WithCopies(p *graph.Program, canAdd func(o graph.Op, output int) bool) (made *graph.Program, origin []int) {
	q := *p
	q.Values, q.Instructions = slices.Clone(p.Values), nil
	for number, instruction := range p.Instructions {
		var copies []graph.Instruction
		instruction.Out, instruction.Accumulate = slices.Clone(instruction.Out), slices.Clone(instruction.Accumulate)
		for i, v := range instruction.Out {
			if v == graph.None || canAdd(instruction.Op, i) {
				continue
			}
			if !instruction.Accumulate[i] && p.Values[v].Place != graph.InGradients {
				continue
			}
			q.Values = append(q.Values, graph.Value{Type: p.Values[v].Type, Shape: p.Values[v].Shape, Place: graph.InArena})
			own := len(q.Values) - 1
			copies = append(copies, graph.Instruction{
				Op: graph.Copy{}, In: []int{own}, Out: []int{v}, Accumulate: []bool{instruction.Accumulate[i]},
			})
			instruction.Out[i], instruction.Accumulate[i] = own, false
		}
		q.Instructions = append(append(q.Instructions, instruction), copies...)
		for range 1 + len(copies) {
			origin = append(origin, number)
		}
	}
	return &q, origin
}
