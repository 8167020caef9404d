package optimizer

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// stableAdamW keeps two moments of each parameter, at the offsets of the parameters. Each tensor has an instruction, as its
// step is clipped by itself. Ranks divide it between tensors.
func stableAdamW(s Settings, u *update) {
	first, second, own, ownEnd := u.moments()
	for _, p := range between(u.parameters, own, ownEnd) {
		o := op.StableAdamW{Beta1: s.Beta1, Beta2: s.Beta2, Epsilon: epsilon}
		if decays(p.Name) {
			o.WeightDecay = s.WeightDecay
		}
		u.Do(o, []int{u.in(graph.InGradients, p.Shape, p.Offset), u.factor, u.halted},
			u.in(graph.InParameters, p.Shape, p.Offset),
			u.in(graph.InState, p.Shape, first+p.Offset-own), u.in(graph.InState, p.Shape, second+p.Offset-own))
	}
}
