package optimizer

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// epsilon is UER-py's constant for AdamW.
const epsilon = 1e-6

// adamW keeps two moments of each parameter, at the offsets of the parameters. One instruction updates all of them. Ranks
// divide it anywhere, since each element is updated by itself.
func adamW(s Settings, u *update) {
	first, second, own, ownEnd := u.moments()
	adamw := op.AdamW{Beta1: s.Beta1, Beta2: s.Beta2, Epsilon: epsilon, WeightDecay: s.WeightDecay}
	for _, r := range ranges(u.parameters) {
		r.Start, r.End = max(r.Start, own)-own, min(r.End, ownEnd)-own
		if r.Start < r.End {
			adamw.Ranges = append(adamw.Ranges, r)
		}
	}
	if len(adamw.Ranges) == 0 {
		return
	}
	shape := graph.Shape{ownEnd - own}
	u.Do(adamw, []int{u.in(graph.InGradients, shape, own), u.factor, u.halted},
		u.in(graph.InParameters, shape, own), u.in(graph.InState, shape, first), u.in(graph.InState, shape, second))
}
