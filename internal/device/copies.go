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

// WithoutCopies leaves out copies to values that can lie where what they are copies of lies: nobody reads that any more when
// the copy changes. Such are sums of gradients whose first term has another reader, as that of a residual connection.
// origin maps the instructions, as in WithCopies; the result maps those that are left.
func WithoutCopies(p *graph.Program, origin []int) (made *graph.Program, left []int) {
	q := *p
	q.Instructions = nil
	same := map[int]int{}    // from a copy to what it is a copy of
	shared := map[int]bool{} // values in whose places another one lies
	for i, instruction := range p.Instructions {
		if instruction.Op == (graph.Copy{}) && !instruction.Accumulate[0] {
			value, copied := instruction.In[0], instruction.Out[0]
			if !shared[value] && mayShare(p, i, value, copied) {
				same[copied], shared[value], shared[copied] = value, true, true
				continue
			}
		}
		instruction.In, instruction.Out = renamed(instruction.In, same), renamed(instruction.Out, same)
		q.Instructions, left = append(q.Instructions, instruction), append(left, origin[i])
	}
	return &q, left
}

// mayShare tells whether the copy that instruction i makes of a value can lie in the same place.
func mayShare(p *graph.Program, i, value, copied int) bool {
	a, b := p.Values[value], p.Values[copied]
	if a.Place != graph.InArena || b.Place != graph.InArena || a.Type != b.Type || !slices.Equal(a.Shape, b.Shape) {
		return false
	}
	for _, earlier := range p.Instructions[:i] {
		if slices.Contains(earlier.Out, copied) {
			return false
		}
	}
	changed := false // the copy
	for _, later := range p.Instructions[i+1:] {
		if slices.Contains(later.Out, value) || changed && slices.Contains(later.In, value) {
			return false
		}
		if slices.Contains(later.Out, copied) {
			changed = true
			if slices.Contains(later.In, value) {
				return false
			}
		}
	}
	return !slices.Contains(p.Outputs, value) && !slices.Contains(p.Outputs, copied)
}

// renamed returns values with other names for some.
func renamed(values []int, names map[int]int) []int {
	values = slices.Clone(values)
	for i, v := range values {
		if name, ok := names[v]; ok {
			values[i] = name
		}
	}
	return values
}
