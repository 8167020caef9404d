package portable

import "uer/internal/kernel/routine"

// update is a gradient times its factors, for one element of a tensor.
func update(f *routine.Factored, matrix, row, column int) float32 {
	g := f.Gradient[(matrix*f.Rows+row)*f.Width+column]
	return g * f.Row[matrix*f.Rows+row] * f.Column[matrix*f.Width+column]
}

func adafactorSums(f routine.Factored) {
	clear(f.Row)
	clear(f.Column)
	for i, g := range f.Gradient {
		row, column := i/f.Width, i%f.Width
		f.Row[row] += g * g
		f.Column[row/f.Rows*f.Width+column] += g * g
	}
}

func adafactorSquares(f routine.Factored) float64 {
	sum := 0.0
	for i := range f.Gradient {
		row, column := i/f.Width, i%f.Width
		d := float64(update(&f, row/f.Rows, row%f.Rows, column))
		sum += d * d
	}
	return sum
}

func adafactorUpdate(f routine.FactoredUpdate) {
	for i, p := range f.Parameters {
		row, column := i/f.Width, i%f.Width
		f.Parameters[i] = p - f.Decay*p - f.Rate*update(&f.Factored, row/f.Rows, row%f.Rows, column)
	}
}
