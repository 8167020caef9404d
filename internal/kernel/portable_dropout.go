package kernel

func portableDropout(y, x, residual []float32, width int, rows []int32, d Dropout) {
	if d.Probability <= 0 {
		for i := range x {
			y[i] = x[i] + at(residual, i)
		}
		return
	}
	for r, row := range rows {
		key, threshold, scale := d.rowKey(uint64(row)), d.threshold(), d.scale()
		for j := range width {
			i := r*width + j
			kept := float32(0)
			if dropoutHash(key, uint32(j)) >= threshold {
				kept = x[i] * scale
			}
			y[i] = kept + at(residual, i)
		}
	}
}

// at is x[i], or 0 for an operand left out.
func at(x []float32, i int) float32 {
	if x == nil {
		return 0
	}
	return x[i]
}
