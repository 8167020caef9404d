package device

import (
	"slices"
	"sort"

	"uer/internal/graph"
)

// Arena is the memory of a run: where the values lie that a program computes. Values whose lives overlap share no
// memory. Offsets and sizes have the unit of the sizes that it was planned with.
type Arena struct {
	Offsets  []int // of each value; 0 for one outside the arena
	Size     int
	Unshared int // what Size would be if no two values shared memory
}

// life is the range of instructions during which a value of the arena holds something.
type life struct {
	value       int
	size        int
	first, last int
}

// PlanArena places the values of the arena, largest first, each at the lowest place that is free for its whole life.
// sizes are those of all values, multiples of the device's alignment.
func PlanArena(p *graph.Program, sizes []int) Arena {
	arena := Arena{Offsets: make([]int, len(p.Values))}
	lives := livesOf(p, sizes)
	sort.SliceStable(lives, func(i, j int) bool { return lives[i].size > lives[j].size })
	var placed []life
	for _, l := range lives {
		var busy []life
		for _, other := range placed {
			if other.first <= l.last && l.first <= other.last {
				busy = append(busy, other)
			}
		}
		sort.Slice(busy, func(i, j int) bool { return arena.Offsets[busy[i].value] < arena.Offsets[busy[j].value] })
		offset := 0
		for _, other := range busy {
			start := arena.Offsets[other.value]
			if offset+l.size <= start {
				break
			}
			offset = max(offset, start+other.size)
		}
		arena.Offsets[l.value] = offset
		placed = append(placed, l)
		arena.Size = max(arena.Size, offset+l.size)
		arena.Unshared += l.size
	}
	return arena
}

// livesOf finds the first and last instruction that touches each value of the arena. Outputs live to the end.
func livesOf(p *graph.Program, sizes []int) []life {
	at := make([]life, len(p.Values))
	touch := func(value, instruction int) {
		if value == graph.None || p.Values[value].Place != graph.InArena {
			return
		}
		if at[value].size == 0 {
			at[value] = life{value: value, size: sizes[value], first: instruction}
		}
		at[value].last = instruction
	}
	for i, instruction := range p.Instructions {
		for _, v := range slices.Concat(instruction.In, instruction.Out) {
			touch(v, i)
		}
	}
	for _, v := range p.Outputs {
		touch(v, len(p.Instructions))
	}
	return slices.DeleteFunc(at, func(l life) bool { return l.size == 0 })
}
