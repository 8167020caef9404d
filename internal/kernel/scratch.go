package kernel

import "uer/internal/kernel/routine"

// take cuts n elements off scratch memory. What is left begins on a cache line if it did before.
func take(scratch *[]float32, n int) []float32 {
	taken := (*scratch)[:n]
	*scratch = from(*scratch, routine.RoundUp(n, routine.CacheLine))
	return taken
}

// takeLike is take for an array of n numbers that are stored as those of x are.
func takeLike(x Array, scratch *[]float32, n int) Array {
	return like(x, take(scratch, sizeLike(x, n)), n)
}

// sizeLike is how many elements of memory takeLike takes.
func sizeLike(x Array, n int) int {
	if x.Halves != nil {
		return HalvesSize(n)
	}
	return n
}

// takes is the length of the scratch memory that calls of take for the given sizes need.
func takes(sizes ...int) int {
	total := 0
	for _, n := range sizes {
		total += routine.RoundUp(n, routine.CacheLine)
	}
	return total
}

// from is x from element i on; nothing if it is shorter.
func from(x []float32, i int) []float32 { return x[min(i, len(x)):] }

// addTo adds x to y.
func addTo(y, x []float32) {
	for i := range y {
		y[i] += x[i]
	}
}

// put writes or adds x to an output.
func put(out Output, x []float32) {
	if out.Accumulate {
		addTo(out.To.Floats, x)
	} else {
		copy(out.To.Floats, x)
	}
}
