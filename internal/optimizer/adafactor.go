package optimizer

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// adafactor keeps the mean squares of a matrix's gradients by row and by column, and those of a vector by element. The
// moments of all tensors follow one another.
func adafactor(s Settings, u *update) {
	rows, columns := 0, 0
	for _, p := range u.parameters {
		r, c := op.Adafactor{}.Moments(p.Shape)
		rows, columns = rows+r, columns+c
	}
	row, column := u.layout.AddState("row_moment", rows).Offset, u.layout.AddState("column_moment", columns).Offset
	for _, p := range u.parameters {
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
