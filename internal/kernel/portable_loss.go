package kernel

import "math"

func portableCrossEntropy(t crossEntropyTile) {
	clear(t.dbias)
	classes := len(t.logits) / len(t.labels)
	for r, label := range t.labels {
		row := t.logits[r*classes : (r+1)*classes]
		loss, largest := softmaxLoss(row, int(label))
		t.results[2*r], t.results[2*r+1] = float32(loss), 0
		if largest == int(label) {
			t.results[2*r+1] = 1
		}
		row[label]--
		for j := range row {
			row[j] *= t.scale
			if t.dbias != nil {
				t.dbias[j] += row[j]
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
