package portable

import (
	"math"

	"uer/internal/kernel/routine"
)

func crossEntropy(t routine.CrossEntropy) {
	clear(t.DBias)
	classes := len(t.Logits) / len(t.Labels)
	for r, label := range t.Labels {
		row := t.Logits[r*classes : (r+1)*classes]
		loss, largest := softmaxLoss(row, int(label))
		t.Results[2*r], t.Results[2*r+1] = float32(loss), 0
		if largest == int(label) {
			t.Results[2*r+1] = 1
		}
		row[label]--
		for j := range row {
			row[j] *= t.Scale
			if t.DBias != nil {
				t.DBias[j] += row[j]
			}
		}
	}
}

// softmaxLoss replaces logits by their softmax and returns the cross-entropy of the label and the first largest.
func softmaxLoss(logits []float32, label int) (loss float64, largest int) {
	for j, v := range logits {
		if v > logits[largest] {
			largest = j
		}
	}
	limit, target, sum := float64(logits[largest]), float64(logits[label]), 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - limit)
	}
	for j, v := range logits {
		logits[j] = float32(math.Exp(float64(v)-limit) / sum)
	}
	return math.Log(sum) + limit - target, largest
}
