package optimizer

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// stableAdamW keeps two moments of each parameter, at the offsets of the parameters. Each tensor has an instruction, as its
// step is clipped by itself.
func stableAdamW(s Settings, u *update) {
	size := end(u.parameters[len(u.parameters)-1])
	first, second := u.layout.AddState("first_moment", size), u.layout.AddState("second_moment", size)
	for _, p := range u.parameters {
		o := op.StableAdamW{Beta1: s.Beta1, Beta2: s.Beta2, Epsilon: epsilon}
		if decays(p.Name) {
			o.WeightDecay = s.WeightDecay
		}
		u.Do(o, []int{u.in(graph.InGradients, p.Shape, p.Offset), u.factor, u.halted},
			u.in(graph.InParameters, p.Shape, p.Offset),
			u.in(graph.InState, p.Shape, first.Offset+p.Offset), u.in(graph.InState, p.Shape, second.Offset+p.Offset))
	}
}
