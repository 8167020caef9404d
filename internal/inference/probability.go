package inference

import (
	"math"
	"slices"
)

// logSum returns the logarithm of the sum of the exponentials of scores.
func logSum(scores []float32) float64 {
	largest := float64(slices.Max(scores))
	sum := 0.0
	for _, x := range scores {
		sum += math.Exp(float64(x) - largest)
	}
	return largest + math.Log(sum)
}

// LogProbability returns the natural logarithm of the probability that the softmax of scores gives a token.
func LogProbability(scores []float32, token int32) float64 {
	return float64(scores[token]) - logSum(scores)
}

// Candidate is a token and its probability.
type Candidate struct {
	Token       int32
	Probability float64
}

// Top returns the n tokens with the highest scores, the likeliest first, with their probabilities in the softmax of all. Of
// tokens with one score, that with the lower id comes first.
func Top(scores []float32, n int) []Candidate {
	total := logSum(scores)
	list := make([]Candidate, 0, n)
	for _, id := range highest(scores, n) {
		list = append(list, Candidate{id, math.Exp(float64(scores[id]) - total)})
	}
	return list
}

// highest returns the ids of the n highest scores, in descending order.
func highest(scores []float32, n int) []int32 {
	before := func(a, b int32) bool { return scores[a] > scores[b] || scores[a] == scores[b] && a < b }
	list := make([]int32, 0, min(n, len(scores))+1)
	for id := range int32(len(scores)) {
		full := len(list) == min(n, len(scores))
		if full && (len(list) == 0 || !before(id, list[len(list)-1])) {
			continue
		}
		at, _ := slices.BinarySearchFunc(list, id, func(a, b int32) int {
			if before(a, b) {
				return -1
			}
			return 1
		})
		if list = slices.Insert(list, at, id); full {
			list = list[:len(list)-1]
		}
	}
	return list
}
