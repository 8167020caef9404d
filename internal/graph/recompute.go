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

// recompute lets each block but the last compute its values again. With the last one the backward pass begins, before its
// memory could serve for anything else. Operations from the number backward on are those of the backward pass.
func (c *compiler) recompute(blocks []span, backward int) {
	if len(blocks) == 0 {
		return
	}
	again := map[int]int{}          // a value: where it is computed again
	repeated := map[int][]int{}     // an instruction: those that are repeated before it
	instructions := []Instruction{} // all, with those repeated
	for _, block := range blocks[:len(blocks)-1] {
		before, list := c.repetition(block, backward, again)
		repeated[before] = append(repeated[before], list...)
	}
	for i, instruction := range c.program.Instructions {
		for _, j := range repeated[i] {
			instructions = append(instructions, c.repeat(c.program.Instructions[j], again))
		}
		if c.numbers[i] >= backward {
			instruction.In = replaced(instruction.In, again)
		}
		instructions = append(instructions, instruction)
	}
	c.program.Instructions = instructions
}

// repetition finds the instructions of a block to repeat, in order, and the first instruction of the backward pass that
// reads something of theirs. The values that have to be computed again get their place.
func (c *compiler) repetition(block span, backward int, again map[int]int) (before int, list []int) {
	inner := c.inner(block, backward)
	want := func(v int) {
		if _, wanted := again[v]; inner[v] && !wanted {
			again[v] = c.add(Value{Shape: c.program.Values[v].Shape, Place: InArena})
		}
	}
	for i, instruction := range slices.Backward(c.program.Instructions) {
		switch number := c.numbers[i]; {
		case number >= backward && slices.ContainsFunc(instruction.In, func(v int) bool { return inner[v] }):
			before = i
		case !block.contains(number) || !slices.ContainsFunc(instruction.Out, func(v int) bool { return again[v] > 0 }):
			continue
		default:
			list = append(list, i)
		}
		for _, v := range instruction.In {
			want(v)
		}
	}
	slices.Reverse(list)
	return before, list
}

// inner are the values of a block that nothing outside it reads before the backward pass. Scalars take no memory to speak
// of.
func (c *compiler) inner(block span, backward int) map[int]bool {
	inner := map[int]bool{}
	for i, instruction := range c.program.Instructions {
		if block.contains(c.numbers[i]) {
			for _, v := range instruction.Out {
				inner[v] = v != None && c.program.Values[v].Shape.Elements() > 1
			}
		}
	}
	for i, instruction := range c.program.Instructions {
		if !block.contains(c.numbers[i]) && c.numbers[i] < backward {
			for _, v := range instruction.In {
				inner[v] = false
			}
		}
	}
	for _, v := range c.program.Outputs {
		inner[v] = false
	}
	return inner
}

// repeat is an instruction once more, with outputs of its own. It writes those that nobody reads as it did the first time.
func (c *compiler) repeat(instruction Instruction, again map[int]int) Instruction {
	out := replaced(instruction.Out, again)
	for i, v := range out {
		if v == instruction.Out[i] && v != None {
			out[i] = c.add(Value{Shape: c.program.Values[v].Shape, Place: InArena})
		}
	}
	return Instruction{
		Op: instruction.Op, In: replaced(instruction.In, again), Out: out, Accumulate: instruction.Accumulate, Repeats: true,
	}
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
