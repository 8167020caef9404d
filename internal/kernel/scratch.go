package kernel

import "uer/internal/kernel/routine"

// from is x from a column of its first row on; without rows there is nothing.
func from(x []float32, column int) []float32 { return x[min(column, len(x)):] }

// take cuts n elements off scratch memory, which stays aligned.
func take(scratch *[]float32, n int) []float32 {
	taken := (*scratch)[:n]
	*scratch = (*scratch)[min(routine.RoundUp(n, routine.CacheLine), len(*scratch)):]
	return taken
}

// takes is the length of the scratch memory that some calls of take need.
func takes(sizes ...int) int {
	total := 0
	for _, n := range sizes {
		total += routine.RoundUp(n, routine.CacheLine)
	}
	return total
}

// addTo writes y = x, or adds x to y.
func addTo(y, x []float32, accumulate bool) {
	if !accumulate {
		copy(y, x)
		return
	}
	for i := range y {
		y[i] += x[i]
	}
}
