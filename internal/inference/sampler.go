package inference

import (
	"math"
	"slices"

	"uer/internal/random"
)

// Sampler chooses the next token of a text.
type Sampler struct {
	Temperature float64 // divides the scores; with 0 the highest one is chosen
	TopK        int     // the number of tokens to choose among, 0 for all
	TopP        float64 // choose among the likeliest tokens that reach this probability together, 0 for all
}

// choose draws a token from the softmax of the scores of those that the settings leave. top_p counts probabilities among
// those that top_k has left, as in UER-py.
func (s Sampler) choose(scores []float32, draw *random.Stream) int32 {
	if s.Temperature == 0 {
		return highest(scores, 1)[0]
	}
	n := s.TopK
	if n == 0 || n > len(scores) {
		n = len(scores)
	}
	ids := s.ordered(scores, n)
	weights, sum := make([]float64, len(ids)), 0.0
	for i, id := range ids {
		weights[i] = math.Exp(float64(scores[id]-scores[ids[0]]) / s.Temperature)
		sum += weights[i]
	}
	if s.TopP > 0 {
		reached := 0.0
		for i, w := range weights {
			if reached += w; reached > s.TopP*sum {
				weights, sum = weights[:i+1], reached
				break
			}
		}
	}
	at := draw.Float64() * sum
	for i, w := range weights {
		if at -= w; at < 0 {
			return ids[i]
		}
	}
	return ids[len(weights)-1]
}

// ordered returns the ids of the n highest scores, in descending order.
func (s Sampler) ordered(scores []float32, n int) []int32 {
	const few = 256
	if n <= few {
		return highest(scores, n)
	}
	ids := make([]int32, len(scores))
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortFunc(ids, func(a, b int32) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return int(a - b)
	})
	return ids[:n]
}
