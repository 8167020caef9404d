package inference

import (
	"math"
	"slices"
)

// Neighbour is a row of a table and its cosine similarity to another one.
type Neighbour struct {
	Row    int32
	Cosine float64
}

// Nearest returns the n rows of a table [rows, width] that are most similar to the given one, by the cosine of the angle
// between them, the most similar first. Rows of zeros are similar to none.
func Nearest(table []float32, width int, row int32, n int) []Neighbour {
	own := table[int(row)*width:][:width]
	all := make([]Neighbour, len(table)/width)
	length := math.Sqrt(dot(own, own))
	_ = parallel(len(all), func(i int) error { // it cannot fail
		other := table[i*width:][:width]
		cosine := 0.0
		if lengths := length * math.Sqrt(dot(other, other)); lengths > 0 {
			cosine = dot(own, other) / lengths
		}
		all[i] = Neighbour{int32(i), cosine}
		return nil
	})
	all = slices.Delete(all, int(row), int(row)+1)
	slices.SortFunc(all, func(a, b Neighbour) int {
		switch {
		case a.Cosine > b.Cosine:
			return -1
		case a.Cosine < b.Cosine:
			return 1
		}
		return int(a.Row - b.Row)
	})
	return all[:min(n, len(all))]
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x) * float64(b[i])
	}
	return sum
}
