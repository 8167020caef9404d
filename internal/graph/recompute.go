package graph

import "slices"

// block is a range of operations, by number. The end is not part of it.
type block struct{ first, end int }

func (b block) contains(number int) bool { return number >= b.first && number < b.end }

// Block marks the operations that build puts on the graph as a block, and returns build's node. If Recompute is set, a
// program keeps only those values of a block that other operations read, and recomputes the rest when the backward pass
// reaches the block (Chen et al. 2016). Blocks cannot be nested.
func (b *Builder) Block(build func() *Node) *Node {
	first := b.operations
	n := build()
	b.blocks = append(b.blocks, block{first, b.operations})
	return n
}

// recomputation plans which values a program computes again, and when.
type recomputation struct {
	*compiler
	backward int                   // the number of the first operation of the backward pass
	again    map[int]int           // from a value to the value that it is recomputed as
	before   map[int][]Instruction // from the index of an instruction to what is recomputed before it
}

// recompute makes each block but the last recompute its values. The backward pass begins with the last one, so nothing else
// could use its memory meanwhile. Operations whose number is backward or more belong to the backward pass.
func (c *compiler) recompute(blocks []block, backward int) {
	if len(blocks) == 0 {
		return
	}
	r := recomputation{compiler: c, backward: backward, again: map[int]int{}, before: map[int][]Instruction{}}
	var restorable []Instruction
	for _, b := range blocks[:len(blocks)-1] {
		inner := r.inner(b)
		restorable = append(restorable, r.restorable(b, inner)...)
		r.repeat(b, inner)
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

// inner returns the values of a block that nothing outside it reads before the backward pass. Scalars are ignored: they
// cost nothing.
func (r *recomputation) inner(b block) map[int]bool {
	inner := map[int]bool{}
	for i, instruction := range r.program.Instructions {
		if b.contains(r.numbers[i]) {
			for _, v := range instruction.Out {
				inner[v] = v != None && !isScalar(r.program.Values[v].Shape)
			}
		}
	}
	for i, instruction := range r.program.Instructions {
		if !b.contains(r.numbers[i]) && r.numbers[i] < r.backward {
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

// repeat plans to repeat those instructions of a block whose inner values the backward pass reads, before the first
// instruction that reads one.
func (r *recomputation) repeat(b block, inner map[int]bool) {
	first := 0
	var list []Instruction
	for i, instruction := range slices.Backward(r.program.Instructions) {
		switch number := r.numbers[i]; {
		case number >= r.backward && slices.ContainsFunc(instruction.In, func(v int) bool { return inner[v] }):
			first = i
		case b.contains(number) && slices.ContainsFunc(instruction.Out, func(v int) bool { return isKey(r.again, v) }):
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

// restorable returns the instructions that restore values that are read outside the block. What these instructions read is
// kept and so no longer an inner value: the instructions that computed it need not be repeated.
func (r *recomputation) restorable(b block, inner map[int]bool) []Instruction {
	var list []Instruction
	for i, instruction := range r.program.Instructions {
		o, ok := instruction.Op.(Restorable)
		if !ok || !b.contains(r.numbers[i]) || inner[instruction.Out[0]] || slices.Contains(instruction.Out, None) {
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

// restore plans to run an instruction before the first one of the backward pass that reads its output 0.
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

// repeated returns an instruction that recomputes the values in r.again. It writes its other outputs too, although nothing
// reads them.
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

// newValueLike adds a value of the same type and shape as another one.
func (r *recomputation) newValueLike(like int) int {
	v := r.program.Values[like]
	return r.add(Value{Type: v.Type, Shape: v.Shape, Place: InArena})
}

func isKey(m map[int]int, key int) bool {
	_, ok := m[key]
	return ok
}

// replaced returns the values, with those in by replaced.
func replaced(values []int, by map[int]int) []int {
	list := slices.Clone(values)
	for i, v := range values {
		if other, ok := by[v]; ok {
			list[i] = other
		}
	}
	return list
}
