package optimizer

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// epsilon is UER-py's constant for AdamW.
const epsilon = 1e-6

// adamW keeps two moments of each parameter, at the offsets of the parameters. One instruction updates a whole range of
// parameters. Ranks divide it anywhere, since each element is updated by itself.
func adamW(s Settings, u *update) {
	first, second, own, ownEnd := u.moments()
	for _, r := range ranges(u.parameters) {
		start, end := max(r.start, own), min(r.end, ownEnd)
		if start >= end {
			continue
		}
		adamw := op.AdamW{Beta1: s.Beta1, Beta2: s.Beta2, Epsilon: epsilon}
		if r.decays {
			adamw.WeightDecay = s.WeightDecay
		}
		shape := graph.Shape{end - start}
		u.Do(adamw, []int{u.in(graph.InGradients, shape, start), u.factor, u.halted},
			u.in(graph.InParameters, shape, start),
			u.in(graph.InState, shape, first+start-own), u.in(graph.InState, shape, second+start-own))
	}
}
