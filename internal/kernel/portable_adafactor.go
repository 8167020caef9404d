package kernel

// update is d for one element of a matrix, before clipping.
func (f factors) update(matrix, row, column int) float32 {
	g := f.gradient[(matrix*f.rows+row)*f.width+column]
	return g * f.row[matrix*f.rows+row] * f.column[matrix*f.width+column]
}

func portableFactoredSums(f factors) {
	clear(f.row)
	clear(f.column)
	for i, g := range f.gradient {
		row, column := i/f.width, i%f.width
		f.row[row] += g * g
		f.column[row/f.rows*f.width+column] += g * g
	}
}

func portableFactoredSquares(f factors) float64 {
	sum := 0.0
	for i := range f.gradient {
		row, column := i/f.width, i%f.width
		d := float64(f.update(row/f.rows, row%f.rows, column))
		sum += d * d
	}
	return sum
}

func portableFactoredUpdate(f factors, parameters []float32, rate, decay float32) {
	for i, p := range parameters {
		row, column := i/f.width, i%f.width
		parameters[i] = p - decay*p - rate*f.update(row/f.rows, row%f.rows, column)
	}
}
