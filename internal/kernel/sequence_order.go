package kernel

import "slices"

// sequenceOrder walks through the sequences of a ragged batch side by side, one token of each a step. Longer sequences come
// first, so that those that are long enough for a step are the first ones.
type sequenceOrder struct {
	sequences []int32 // [sequences] longest first
	tokens    []int32 // [sequences] the token that each is at, past its end once it is over
	alive     []int32 // [steps] number of sequences that are long enough
	direction int     // from a token to that of the next step
}

// sort puts the sequences in order, each at its first token, or at its last one if they run in reverse.
func (o *sequenceOrder) sort(starts []int32, reverse bool) *sequenceOrder {
	length := func(s int32) int { return int(starts[s+1] - starts[s]) }
	o.sequences, o.tokens, o.alive = o.sequences[:0], o.tokens[:0], o.alive[:0]
	for s := range len(starts) - 1 {
		o.sequences = append(o.sequences, int32(s))
	}
	slices.SortStableFunc(o.sequences, func(a, b int32) int { return length(b) - length(a) })
	o.direction = 1
	for i, s := range o.sequences {
		token := starts[s]
		if reverse {
			o.direction = -1
			token = starts[s+1] - 1
		}
		o.tokens = append(o.tokens, token)
		for step := range length(s) {
			if step == len(o.alive) {
				o.alive = append(o.alive, 0)
			}
			o.alive[step] = int32(i + 1)
		}
	}
	return o
}

// advance moves every sequence by a number of tokens.
func (o *sequenceOrder) advance(tokens int) {
	for i := range o.tokens {
		o.tokens[i] += int32(tokens)
	}
}
