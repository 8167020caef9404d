package graph

import "sort"

// life is the range of instructions during which a value of the arena holds something.
type life struct {
	value       int
	size        int
	first, last int
}

// plan places the values of the arena so that values whose lives overlap do not share memory: largest first, each at the
// lowest place that is free for its whole life.
func (c *compiler) plan() {
	p := c.program
	lives := c.lives()
	sort.SliceStable(lives, func(i, j int) bool { return lives[i].size > lives[j].size })
	var placed []life
	for _, l := range lives {
		var busy []life
		for _, other := range placed {
			if other.first <= l.last && l.first <= other.last {
				busy = append(busy, other)
			}
		}
		sort.Slice(busy, func(i, j int) bool { return p.Values[busy[i].value].Offset < p.Values[busy[j].value].Offset })
		offset := 0
		for _, other := range busy {
			start := p.Values[other.value].Offset
			if offset+l.size <= start {
				break
			}
			offset = max(offset, start+other.size)
		}
		p.Values[l.value].Offset = offset
		placed = append(placed, l)
		p.ArenaSize = max(p.ArenaSize, offset+l.size)
		p.Unshared += l.size
	}
}

// lives finds the first and last instruction that touches each value of the arena. Outputs live to the end.
func (c *compiler) lives() []life {
	p := c.program
	at := make([]life, len(p.Values))
	touch := func(value, instruction int) {
		if value == None || p.Values[value].Place != InArena {
			return
		}
		if at[value].size == 0 {
			at[value] = life{value: value, size: align(p.Values[value].Shape.Elements()), first: instruction}
		}
		at[value].last = instruction
	}
	for i, instruction := range p.Instructions {
		for _, v := range instruction.In {
			touch(v, i)
		}
		for _, v := range instruction.Out {
			touch(v, i)
		}
	}
	for _, v := range p.Outputs {
		touch(v, len(p.Instructions))
	}
	var lives []life
	for _, l := range at {
		if l.size > 0 {
			lives = append(lives, l)
		}
	}
	return lives
}
