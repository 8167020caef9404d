package kernels

import "slices"

// SequenceOrder sorts the sequences of a batch by length, so that those that are long enough for a step of a recurrent layer
// are the first ones. The zero value is ready; its memory is used again.
type SequenceOrder struct {
	Sequences []int32 // [sequences] longest first
	Alive     []int32 // [steps] how many of them are long enough
}

// Sort orders the sequences that begin at starts [sequences+1].
func (o *SequenceOrder) Sort(starts []int32) {
	length := func(s int32) int32 { return starts[s+1] - starts[s] }
	o.Sequences, o.Alive = o.Sequences[:0], o.Alive[:0]
	for s := range len(starts) - 1 {
		o.Sequences = append(o.Sequences, int32(s))
	}
	slices.SortStableFunc(o.Sequences, func(a, b int32) int { return int(length(b) - length(a)) })
	if len(o.Sequences) == 0 {
		return
	}
	longest, alive := int(length(o.Sequences[0])), len(o.Sequences)
	for step := range longest {
		for int(length(o.Sequences[alive-1])) <= step {
			alive--
		}
		o.Alive = append(o.Alive, int32(alive))
	}
}
