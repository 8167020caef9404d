package optimizer

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// epsilon is UER-py's constant for AdamW.
const epsilon = 1e-6

// adamW keeps two moments of each parameter, at the offsets of the parameters. One instruction updates a whole range of
// parameters.
func adamW(s Settings, u *update) {
	size := end(u.parameters[len(u.parameters)-1])
	first, second := u.layout.AddState("first_moment", size), u.layout.AddState("second_moment", size)
	for _, r := range ranges(u.parameters) {
		adamw := op.AdamW{Beta1: s.Beta1, Beta2: s.Beta2, Epsilon: epsilon}
		if r.decays {
			adamw.WeightDecay = s.WeightDecay
		}
		shape := graph.Shape{r.end - r.start}
		u.Do(adamw, []int{u.in(graph.InGradients, shape, r.start), u.factor, u.halted},
			u.in(graph.InParameters, shape, r.start),
			u.in(graph.InState, shape, first.Offset+r.start), u.in(graph.InState, shape, second.Offset+r.start))
	}
}
