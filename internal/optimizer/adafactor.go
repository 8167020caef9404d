package optimizer

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// adafactor keeps the mean squares of a matrix's gradients by row and by column, and those of a vector by element. The
// moments of all tensors follow one another. Ranks divide it between tensors.
func adafactor(s Settings, u *update) {
	bounds := u.division.Parameters
	rows, columns := make([]int, u.ranks), make([]int, u.ranks)
	for rank := range u.ranks {
		for _, p := range between(u.parameters, bounds[rank], bounds[rank+1]) {
			r, c := op.Adafactor{}.Moments(p.Shape)
			rows[rank], columns[rank] = rows[rank]+r, columns[rank]+c
		}
	}
	row, column := u.addState("row_moment", rows), u.addState("column_moment", columns)
	for _, p := range between(u.parameters, bounds[u.rank], bounds[u.rank+1]) {
		adafactor := op.Adafactor{}
		if decays(p.Name) {
			adafactor.WeightDecay = s.WeightDecay
		}
		r, c := adafactor.Moments(p.Shape)
		u.Do(adafactor, []int{u.in(graph.InGradients, p.Shape, p.Offset), u.factor, u.halted},
			u.in(graph.InParameters, p.Shape, p.Offset),
			u.in(graph.InState, graph.Shape{r}, row), u.in(graph.InState, graph.Shape{c}, column))
		row, column = row+r, column+c
	}
}
