package optimizer

import (
	"slices"
	"sort"

	"uer/internal/graph"
)

// Division says which rank gets the sums of which gradients, updates their parameters, and has the optimizer state of them
// (ZeRO-1; Rajbhandari, Rasley, Ruwase, He 2020).
type Division struct {
	Rank int // this one
	// Parameters are the offsets at which the ranges of the ranks begin, and the end of the last one: rank r updates the
	// parameters from Parameters[r] to Parameters[r+1].
	Parameters []int
	// State are the parts of the whole optimizer state, in order.
	State []Part
}

// Part is a range of the optimizer state that one rank has.
type Part struct {
	Rank, Size int
	Whole      int // its offset in the state of all ranks
	Own        int // its offset in the state of this rank, if the part is its own
}

// Largest returns the rank with the most optimizer state.
func (d *Division) Largest() int {
	sizes := make([]int, len(d.Parameters)-1)
	for _, part := range d.State {
		sizes[part.Rank] += part.Size
	}
	return slices.Index(sizes, slices.Max(sizes))
}

// addState adds state to the layouts, of which each rank has so many elements. It returns the offset of this rank's.
func (u *update) addState(name string, sizes []int) int {
	total := 0
	for _, size := range sizes {
		total += size
	}
	own, whole := u.layout.AddState(name, sizes[u.rank]).Offset, u.whole.AddState(name, total).Offset
	for rank, size := range sizes {
		part := Part{Rank: rank, Size: size, Whole: whole}
		if rank == u.rank {
			part.Own = own
		}
		u.division.State = append(u.division.State, part)
		whole += size
	}
	return own
}

// moments gives each rank the two moments of the elements of its range of parameters, at their offsets in it. It returns the
// offsets of this rank's moments, and where its range starts and ends.
func (u *update) moments() (first, second, start, end int) {
	sizes := make([]int, u.ranks)
	for rank := range sizes {
		sizes[rank] = u.division.Parameters[rank+1] - u.division.Parameters[rank]
	}
	first, second = u.addState("first_moment", sizes), u.addState("second_moment", sizes)
	start, end = u.own()
	return first, second, start, end
}

// own returns where the range of this rank starts and ends.
func (u *update) own() (start, end int) {
	return u.division.Parameters[u.rank], u.division.Parameters[u.rank+1]
}

// bounds divide parameters into ranges, one for each rank.
type bounds func(parameters []graph.Parameter, ranks int) []int

// equalBounds divides them into ranges of one length, but for the last ones.
func equalBounds(parameters []graph.Parameter, ranks int) []int {
	size := end(parameters[len(parameters)-1])
	length := (size + ranks - 1) / ranks
	length = (length + graph.Alignment - 1) / graph.Alignment * graph.Alignment
	bounds := make([]int, ranks+1)
	for rank := range bounds {
		bounds[rank] = min(rank*length, size)
	}
	return bounds
}

// tensorBounds divides parameters into ranges of whole tensors: a tensor belongs to the range of equal length in which its
// middle lies.
func tensorBounds(parameters []graph.Parameter, ranks int) []int {
	size := end(parameters[len(parameters)-1])
	bounds := make([]int, ranks+1)
	for rank := 1; rank <= ranks; rank++ {
		i := sort.Search(len(parameters), func(i int) bool {
			return (parameters[i].Offset+end(parameters[i]))*ranks >= 2*rank*size
		})
		if bounds[rank] = size; i < len(parameters) {
			bounds[rank] = parameters[i].Offset
		}
	}
	return bounds
}

// between returns the parameters from one offset up to another.
func between(parameters []graph.Parameter, start, end int) []graph.Parameter {
	index := func(offset int) int {
		return sort.Search(len(parameters), func(i int) bool { return parameters[i].Offset >= offset })
	}
	return parameters[index(start):index(end)]
}
