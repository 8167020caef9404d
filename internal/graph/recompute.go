package graph

import "slices"

// span is a range of operations, by number.
type span struct{ first, end int }

func (s span) contains(number int) bool { return number >= s.first && number < s.end }

// Block marks what build puts on the graph as a block, and returns build's node. If Recompute is set, a program keeps of a
// block only what others read, and computes the rest again when the backward pass comes to the block (Chen et al. 2016).
// Blocks are not nested.
func (b *Builder) Block(build func() *Node) *Node {
	first := b.operations
	n := build()
	b.blocks = append(b.blocks, span{first, b.operations})
	return n
}

// recomputation is what a program computes again.
type recomputation struct {
	*compiler
	backward int                   // the number of the first operation of the backward pass
	again    map[int]int           // a value: where it is computed again
	before   map[int][]Instruction // an instruction: what to compute again before it
}

// recompute lets each block but the last compute its values again. With the last one the backward pass begins, before its
// memory could serve for anything else. Operations from the number backward on are those of the backward pass.
func (c *compiler) recompute(blocks []span, backward int) {
	if len(blocks) == 0 {
		return
	}
	r := recomputation{compiler: c, backward: backward, again: map[int]int{}, before: map[int][]Instruction{}}
	var restorable []Instruction
	for _, block := range blocks[:len(blocks)-1] {
		inner := r.inner(block)
		restorable = append(restorable, r.restorable(block, inner)...)
		r.repeat(block, inner)
	}
	for _, instruction := range restorable {
		r.restore(instruction)
	}
	var instructions []Instruction
	for i, instruction := range c.program.Instructions {
		for _, repeated := range r.before[i] {
			repeated.In = replaced(repeated.In, r.again)
			instructions = append(instructions, repeated)
		}
		if c.numbers[i] >= backward {
			instruction.In = replaced(instruction.In, r.again)
		}
		instructions = append(instructions, instruction)
	}
	c.program.Instructions = instructions
}

// inner are the values of a block that nothing outside it reads before the backward pass. Scalars are ignored: they cost
// nothing.
func (r *recomputation) inner(block span) map[int]bool {
	inner := map[int]bool{}
	for i, instruction := range r.program.Instructions {
		if block.contains(r.numbers[i]) {
			for _, v := range instruction.Out {
				inner[v] = v != None && !isScalar(r.program.Values[v].Shape)
			}
		}
	}
	for i, instruction := range r.program.Instructions {
		if !block.contains(r.numbers[i]) && r.numbers[i] < r.backward {
			for _, v := range instruction.In {
				inner[v] = false
			}
		}
	}
	for _, v := range r.program.Outputs {
		inner[v] = false
	}
	return inner
}

// repeat finds the instructions of a block whose values the backward pass reads, and puts them before its first instruction
// that does.
func (r *recomputation) repeat(block span, inner map[int]bool) {
	first := 0
	var list []Instruction
	for i, instruction := range slices.Backward(r.program.Instructions) {
		switch number := r.numbers[i]; {
		case number >= r.backward && slices.ContainsFunc(instruction.In, func(v int) bool { return inner[v] }):
			first = i
		case block.contains(number) && slices.ContainsFunc(instruction.Out, func(v int) bool { return isKey(r.again, v) }):
			list = append(list, r.repeated(instruction))
		default:
			continue
		}
		for _, v := range instruction.In {
			if inner[v] && !isKey(r.again, v) {
				r.again[v] = r.newValueLike(v)
			}
		}
	}
	slices.Reverse(list)
	r.before[first] = append(r.before[first], list...)
}

// restorable lists the instructions that restore what leaves a block. What they read is kept, so it is no longer among the
// inner values of the block: what led to it need not be repeated.
func (r *recomputation) restorable(block span, inner map[int]bool) []Instruction {
	var list []Instruction
	for i, instruction := range r.program.Instructions {
		o, ok := instruction.Op.(Restorable)
		if !ok || !block.contains(r.numbers[i]) || inner[instruction.Out[0]] || slices.Contains(instruction.Out, None) {
			continue
		}
		op, in, out := o.Restore(instruction.In, instruction.Out)
		if op == nil {
			continue
		}
		list = append(list, Instruction{Op: op, In: in, Out: out})
		for _, v := range instruction.Out {
			inner[v] = false
		}
	}
	return list
}

// restore puts an instruction before the first one of the backward pass that reads its output 0.
func (r *recomputation) restore(instruction Instruction) {
	y := instruction.Out[0]
	reads := func(i Instruction) bool { return slices.Contains(i.In, y) }
	for i, reader := range r.program.Instructions {
		if r.numbers[i] >= r.backward && reads(reader) || slices.ContainsFunc(r.before[i], reads) {
			r.again[y] = r.newValueLike(y)
			r.before[i] = slices.Insert(r.before[i], 0, r.repeated(instruction))
			return
		}
	}
}

// repeated is an instruction that computes what is wanted again. It writes its other outputs as it did the first time,
// though nobody reads them.
func (r *recomputation) repeated(instruction Instruction) Instruction {
	out := make([]int, len(instruction.Out))
	for i, v := range instruction.Out {
		switch again, wanted := r.again[v]; {
		case v == None:
			out[i] = None
		case wanted:
			out[i] = again
		default:
			out[i] = r.newValueLike(v)
		}
	}
	return Instruction{Op: instruction.Op, In: instruction.In, Out: out, Accumulate: make([]bool, len(out)), Recomputed: true}
}

func isScalar(s Shape) bool { return !s.IsSaved() && s.Elements() == 1 }

// newValueLike adds a value of the shape of another one.
func (r *recomputation) newValueLike(like int) int {
	return r.add(Value{Shape: r.program.Values[like].Shape, Place: InArena})
}

func isKey(m map[int]int, key int) bool {
	_, ok := m[key]
	return ok
}

// replaced are the values, or what is given in place of some.
func replaced(values []int, by map[int]int) []int {
	list := slices.Clone(values)
	for i, v := range values {
		if other, ok := by[v]; ok {
			list[i] = other
		}
	}
	return list
}
