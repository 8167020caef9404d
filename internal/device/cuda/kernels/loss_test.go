//go:build gpu

package kernels

import (
	"math"
	"testing"
)

func TestCrossEntropy(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {5, 7}, {3, 1024}, {9, 2051}} {
		rows, classes := size[0], size[1]
		logits, labels := random(1, rows*classes), make([]int32, rows)
		for i := range labels {
			labels[i] = int32(i * 5 % classes)
			largest := i * 7 % classes
			logits[i*classes+largest] = 20 // far from the others
			if i%2 == 0 {
				logits[i*classes+classes-1] = 20 // of two the first counts
				labels[i] = int32(largest)
			}
		}
		scale := 1 / float32(rows)
		wantLoss, wantCorrect, gradient := 0.0, 0.0, make([]float64, rows*classes)
		for i, label := range labels {
			row := logits[i*classes : (i+1)*classes]
			sum, largest := 0.0, 0
			for j, v := range row {
				sum += math.Exp(float64(v))
				if v > row[largest] {
					largest = j
				}
			}
			wantLoss += (math.Log(sum) - float64(row[label])) / float64(rows)
			if largest == int(label) {
				wantCorrect++
			}
			for j, v := range row {
				gradient[i*classes+j] = math.Exp(float64(v)) / sum * float64(scale)
			}
			gradient[i*classes+int(label)] -= float64(scale)
		}
		losses, hits, loss, correct := unset(rows), unset(rows), unset(1), unset(1)
		launch(t, "cross_entropy_float", grid{rows}, logits, losses, hits, labels, classes, classes, scale)
		launch(t, "cross_entropy_totals", grid{1}, loss, correct, losses, hits, rows)
		compareWithin(t, "loss", loss, []float64{wantLoss}, 1e-6*(1+wantLoss))
		compareAll(t, "correct", correct, []float64{wantCorrect}, 0)
		compareWithin(t, "gradient of the logits", logits, gradient, 1e-6*float64(scale))
	}
	loss, correct := unset(1), unset(1)
	launch(t, "cross_entropy_totals", grid{1}, loss, correct, nil, nil, 0)
	launch(t, "cross_entropy_totals", grid{1}, nil, nil, nil, nil, 0)
	if loss[0] != 0 || correct[0] != 0 {
		t.Errorf("without rows the loss is %v and %v are correct", loss, correct)
	}
	logits, losses := []float32{1, float32(math.NaN()), 2}, unset(1)
	losses[0] = 0
	launch(t, "cross_entropy_float", grid{1}, logits, losses, unset(1), []int32{0}, 3, 3, float32(1))
	if !math.IsNaN(float64(losses[0])) {
		t.Errorf("a logit that is NaN gives the loss %v", losses)
	}
}
