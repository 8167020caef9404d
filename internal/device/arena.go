package device

import (
	"slices"
	"sort"

	"uer/internal/graph"
)

// Arena is the plan of a run's memory: where the values are that a program computes. Values share memory only if their
// lifetimes do not overlap. Offsets and sizes are in the unit of the sizes given to PlanArena.
type Arena struct {
	Offsets  []int // of each value; 0 for values outside the arena
	Size     int
	Unshared int // what Size would be if no values shared memory
}

// lifetime is the range of instructions between the first and the last use of a value.
type lifetime struct {
	value       int
	size        int
	first, last int
}

// PlanArena places the values of the arena, largest first, each at the lowest offset that is free during its whole
// lifetime. sizes holds the sizes of all values, as multiples of the device's alignment.
func PlanArena(p *graph.Program, sizes []int) Arena {
	arena := Arena{Offsets: make([]int, len(p.Values))}
	lifetimes := lifetimesOf(p, sizes)
	sort.SliceStable(lifetimes, func(i, j int) bool { return lifetimes[i].size > lifetimes[j].size })
	var placed []lifetime
	for _, l := range lifetimes {
		var busy []lifetime
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

// Used returns how much of the arena a run used, in which the values had these sizes.
func (a *Arena) Used(p *graph.Program, size func(value int) int) int {
	type extent struct{ start, end int }
	var extents []extent
	for i, v := range p.Values {
		if v.Place == graph.InArena {
			extents = append(extents, extent{a.Offsets[i], a.Offsets[i] + size(i)})
		}
	}
	slices.SortFunc(extents, func(x, y extent) int { return x.start - y.start })
	used, end := 0, 0
	for _, x := range extents {
		used += max(0, x.end-max(x.start, end))
		end = max(end, x.end)
	}
	return used
}

// lifetimesOf returns the lifetime of each value of the arena. Outputs live to the end.
func lifetimesOf(p *graph.Program, sizes []int) []lifetime {
	at := make([]lifetime, len(p.Values))
	use := func(value, instruction int) {
		if value == graph.None || p.Values[value].Place != graph.InArena {
			return
		}
		if at[value].size == 0 {
			at[value] = lifetime{value: value, size: sizes[value], first: instruction}
		}
		at[value].last = instruction
	}
	for i, instruction := range p.Instructions {
		for _, v := range slices.Concat(instruction.In, instruction.Out) {
			use(v, i)
		}
	}
	for _, v := range p.Outputs {
		use(v, len(p.Instructions))
	}
	return slices.DeleteFunc(at, func(l lifetime) bool { return l.size == 0 })
}
