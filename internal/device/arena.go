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

	order []int   // the values of the arena, from the lowest offset to the highest
	below [][]int // for each of order, the values that it lies on: those whose ends its offset depends on
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
	arena.stack(placed, len(p.Instructions)+1)
	return arena
}

// stack finds what each value lies on. Of the values that it shares an instant with, only the highest one below it matters.
func (a *Arena) stack(placed []lifetime, instants int) {
	slices.SortStableFunc(placed, func(x, y lifetime) int { return a.Offsets[x.value] - a.Offsets[y.value] })
	highest := slices.Repeat([]int{graph.None}, instants) // at each instant, of the values seen so far
	for _, l := range placed {
		var below []int
		for i := l.first; i <= l.last; i++ {
			if under := highest[i]; under != graph.None && !slices.Contains(below, under) {
				below = append(below, under)
			}
			highest[i] = l.value
		}
		a.order, a.below = append(a.order, l.value), append(a.below, below)
	}
}

// Fit moves the values together for a run in which they have other sizes, none larger than planned, and returns how much
// memory the run reaches. Each value moves down to the ends of those that it lies on, so none lies higher than with larger
// sizes: a run touches only what a run of larger values would.
func (a *Arena) Fit(sizes []int) int {
	reached := 0
	for i, v := range a.order {
		offset := 0
		for _, under := range a.below[i] {
			offset = max(offset, a.Offsets[under]+sizes[under])
		}
		a.Offsets[v] = offset
		reached = max(reached, offset+sizes[v])
	}
	return reached
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
