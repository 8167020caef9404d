package kernel

import "slices"

// sequenceOrder walks through the sequences of a ragged batch side by side, one token each per step. Longer sequences come
// first, so those that are long enough for a step are at the front.
type sequenceOrder struct {
	sequences []int32    // [sequences] longest first
	tokens    [2][]int32 // [sequences] the current token of each, going forward and in reverse; past its end once it is over
	alive     []int32    // [steps] number of sequences that are long enough
}

// sort orders the sequences and puts each at its first token, or in reverse at its last.
func (o *sequenceOrder) sort(starts []int32) *sequenceOrder {
	length := func(s int32) int { return int(starts[s+1] - starts[s]) }
	o.sequences, o.tokens, o.alive = o.sequences[:0], [2][]int32{o.tokens[0][:0], o.tokens[1][:0]}, o.alive[:0]
	for s := range len(starts) - 1 {
		o.sequences = append(o.sequences, int32(s))
	}
	slices.SortStableFunc(o.sequences, func(a, b int32) int { return length(b) - length(a) })
	for i, s := range o.sequences {
		o.tokens[0] = append(o.tokens[0], starts[s])
		o.tokens[1] = append(o.tokens[1], starts[s+1]-1)
		for step := range length(s) {
			if step == len(o.alive) {
				o.alive = append(o.alive, 0)
			}
			o.alive[step] = int32(i + 1)
		}
	}
	return o
}

// advance moves every sequence by a number of steps.
func (o *sequenceOrder) advance(steps int) {
	for i := range o.sequences {
		o.tokens[0][i] += int32(steps)
		o.tokens[1][i] -= int32(steps)
	}
}
