package optimizer

import (
	"slices"
	"strings"

	"uer/internal/graph"
	"uer/internal/op"
)

// muonMomentum is the decay rate of the momentum in the papers.
const muonMomentum = 0.95

// muon updates the matrices of the hidden layers by Muon, which keeps one moment of them, and all other parameters by AdamW,
// which keeps two. Each matrix has an instruction, as it is orthogonalised as a whole. Ranks divide it between tensors.
func muon(s Settings, u *update) {
	bounds := u.division.Parameters
	firsts, seconds := make([]int, u.ranks), make([]int, u.ranks)
	for rank := range u.ranks {
		for _, p := range between(u.parameters, bounds[rank], bounds[rank+1]) {
			n := p.Shape.Elements()
			if firsts[rank] += n; !hiddenMatrix(p) {
				seconds[rank] += n
			}
		}
	}
	first, second := u.addState("first_moment", firsts), u.addState("second_moment", seconds)
	start, end := u.own()
	for _, p := range between(u.parameters, start, end) {
		decay := 0.0
		if decays(p.Name) {
			decay = s.WeightDecay
		}
		in := []int{u.in(graph.InGradients, p.Shape, p.Offset), u.factor, u.halted}
		parameter, moment := u.in(graph.InParameters, p.Shape, p.Offset), u.in(graph.InState, p.Shape, first)
		first += p.Shape.Elements()
		if hiddenMatrix(p) {
			u.Do(op.Muon{Momentum: muonMomentum, WeightDecay: decay}, in, parameter, moment)
			continue
		}
		adamw := op.AdamW{
			Beta1: s.Beta1, Beta2: s.Beta2, Epsilon: epsilon, WeightDecay: decay,
			Ranges: []op.Range{{End: p.Shape.Elements(), Decays: true}},
		}
		u.Do(adamw, in, parameter, moment, u.in(graph.InState, p.Shape, second))
		second += p.Shape.Elements()
	}
}

// HasHiddenMatrices reports whether a model has parameters that muon treats otherwise than adamw.
func HasHiddenMatrices(layout graph.Layout) bool {
	return slices.ContainsFunc(trained(layout), hiddenMatrix)
}

// hiddenMatrix reports whether a parameter is a matrix of the encoder or the decoder, between hidden layers. The table of
// relative positions there is an embedding.
func hiddenMatrix(p graph.Parameter) bool {
	within := strings.HasPrefix(p.Name, "encoder.") || strings.HasPrefix(p.Name, "target.decoder.")
	return within && len(p.Shape) == 2 && !strings.Contains(p.Name, "relative_attention_bias")
}
