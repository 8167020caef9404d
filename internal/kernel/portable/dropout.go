package portable

import "uer/internal/kernel/routine"

func dropoutAdd(a routine.DropoutAdd) {
	if a.Dropout.Probability <= 0 {
		for i := range a.X.Len() {
			write(a.Y, i, read(a.X, i)+at(a.Residual, i))
		}
		return
	}
	for r, row := range a.Rows {
		key := a.Dropout.RowKey(uint64(row))
		for j := range a.Width {
			i := r*a.Width + j
			write(a.Y, i, drop(a.Dropout, read(a.X, i), key, j)+at(a.Residual, i))
		}
	}
}

// drop is dropout of one element of the row with the key.
func drop(d routine.Dropout, x float32, rowKey uint64, column int) float32 {
	if d.Drops(rowKey, column) {
		return 0
	}
	return float32(x * d.Scale()) // rounded before anything is added to it
}

// at is element i, or 0 of an operand left out.
func at(x routine.Array, i int) float32 {
	if !x.Present() {
		return 0
	}
	return read(x, i)
}
