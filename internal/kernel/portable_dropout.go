package kernel

func portableDropout(y, x, residual []float32, width int, rows []int32, d Dropout) {
	if d.Probability <= 0 {
		for i := range x {
			y[i] = x[i] + at(residual, i)
		}
		return
	}
	for r, row := range rows {
		key := d.rowKey(uint64(row))
		for j := range width {
			i := r*width + j
			y[i] = d.drop(x[i], key, j) + at(residual, i)
		}
	}
}

// drop is dropout of one element of the row with the key.
func (d Dropout) drop(x float32, rowKey uint64, column int) float32 {
	if dropoutHash(rowKey, uint32(column)) < d.threshold() {
		return 0
	}
	return float32(x * d.scale()) // rounded before anything is added to it
}

// at is x[i], or 0 for an operand left out.
func at(x []float32, i int) float32 {
	if x == nil {
		return 0
	}
	return x[i]
}
