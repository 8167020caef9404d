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

// WithoutCopies leaves out copies of values that nobody reads afterwards: of the first term of a sum, which then lies where
// the sum does, and of the second one, to which the instruction that computes the first one then adds. Such terms have
// another reader before, as the gradient of a residual connection has. origin maps the instructions, as in WithCopies; left
// maps those that stay.
func WithoutCopies(p *graph.Program, origin []int, canAdd func(o graph.Op, output int) bool) (made *graph.Program, left []int) {
	q := *p
	q.Instructions, left = nil, slices.Clone(origin)
	for _, instruction := range p.Instructions {
		instruction.In, instruction.Out = slices.Clone(instruction.In), slices.Clone(instruction.Out)
		instruction.Accumulate = slices.Clone(instruction.Accumulate)
		q.Instructions = append(q.Instructions, instruction)
	}
	for i := 0; i < len(q.Instructions); {
		if !joinsTerm(&q, i, canAdd) {
			i++
			continue
		}
		term, sum := q.Instructions[i].In[0], q.Instructions[i].Out[0]
		q.Instructions, left = slices.Delete(q.Instructions, i, i+1), slices.Delete(left, i, i+1)
		for _, instruction := range q.Instructions {
			rename(instruction.In, sum, term)
			rename(instruction.Out, sum, term)
		}
	}
	return &q, left
}

func rename(values []int, from, to int) {
	for i, v := range values {
		if v == from {
			values[i] = to
		}
	}
}

// joinsTerm tells whether the sum that instruction i copies a term to can lie in the place of that term. If the sum has
// another term already, the instruction that computes that one is made to add it.
func joinsTerm(p *graph.Program, i int, canAdd func(o graph.Op, output int) bool) bool {
	instruction := p.Instructions[i]
	if instruction.Op != (graph.Copy{}) {
		return false
	}
	term, sum := instruction.In[0], instruction.Out[0]
	a, b := p.Values[term], p.Values[sum]
	if a.Place != graph.InArena || b.Place != graph.InArena || a.Type != b.Type || !slices.Equal(a.Shape, b.Shape) ||
		slices.Contains(p.Outputs, term) || slices.Contains(p.Outputs, sum) {
		return false
	}
	writes := func(j, v int) bool { return slices.Contains(p.Instructions[j].Out, v) }
	uses := func(j, v int) bool { return writes(j, v) || slices.Contains(p.Instructions[j].In, v) }
	first := i // the instruction that begins the sum
	for j := range i {
		if uses(j, sum) {
			first = j
			break
		}
	}
	if !instruction.Accumulate[0] {
		return first == i && !changedBeforeRead(p, i, term, sum)
	}
	for j := first; j < len(p.Instructions); j++ {
		if j != i && uses(j, term) || j > first && j < i && uses(j, sum) {
			return false
		}
	}
	output := slices.Index(p.Instructions[first].Out, sum)
	if first == i || output < 0 || p.Instructions[first].Accumulate[output] || !canAdd(p.Instructions[first].Op, output) {
		return false
	}
	p.Instructions[first].Accumulate[output] = true
	return true
}

// changedBeforeRead tells whether the term changes after instruction i, or is read when the sum has changed.
func changedBeforeRead(p *graph.Program, i, term, sum int) bool {
	changed := false
	for _, later := range p.Instructions[i+1:] {
		changed = changed || slices.Contains(later.Out, sum)
		if slices.Contains(later.Out, term) || changed && slices.Contains(later.In, term) {
			return true
		}
	}
	return false
}
