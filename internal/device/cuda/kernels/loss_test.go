//go:build gpu

package kernels

import (
	"math"
	"slices"
	"testing"
)

func TestCrossEntropy(t *testing.T) {
	forStorages(t, testCrossEntropy)
}

func testCrossEntropy(t *testing.T, s storage) {
	for _, size := range [][3]int{{1, 1, 1}, {5, 7, 7}, {3, 1024, 1024}, {9, 2051, 2051}, {4, 2051, 2056}, {6, 4999, 5001}, {2, 9001, 9008}} {
		for _, zLoss := range []float32{0, 0.25} {
			testCrossEntropyOf(t, s, size[0], size[1], size[2], zLoss)
		}
	}
	loss, correct := unset(1), unset(1)
	launch(t, "cross_entropy_totals", grid{1}, loss, correct, nil, nil, 0)
	launch(t, "cross_entropy_totals", grid{1}, nil, nil, nil, nil, 0)
	if loss[0] != 0 || correct[0] != 0 {
		t.Errorf("without rows the loss is %v and %v are correct", loss, correct)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		logits, losses := []float32{1, float32(bad), 2}, []float32{0}
		launch(t, "cross_entropy_"+s.name, grid{1}, logits, losses, unset(1), []int32{0}, 3, 3, float32(1), float32(0))
		if x := float64(losses[0]); !math.IsNaN(x) && !math.IsInf(x, 0) {
			t.Errorf("a logit that is %v gives the loss %v", bad, losses)
		}
	}
	logits, losses, hits := []float32{float32(math.Inf(-1)), 3, float32(math.Inf(-1))}, unset(1), unset(1)
	launch(t, "cross_entropy_"+s.name, grid{1}, logits, losses, hits, []int32{1}, 3, 3, float32(1), float32(0))
	compareWithin(t, "loss with all others at -∞", losses, []float64{0}, 0)
	compareWithin(t, "hits with all others at -∞", hits, []float64{1}, 0)
	compareWithin(t, "gradient with all others at -∞", logits, make([]float64, 3), 1e-6)
}

func testCrossEntropyOf(t *testing.T, s storage, rows, classes, stride int, zLoss float32) {
	t.Helper()
	logits, labels := s.random(1, rows*stride), make([]int32, rows)
	before := slices.Clone(logits)
	for i := range labels {
		labels[i] = int32(i * 5 % classes)
		largest := i * 7 % classes
		logits[i*stride+largest] = 20 // far from the others
		if i%2 == 0 {
			logits[i*stride+classes-1] = 20 // of two the first counts
			labels[i] = int32(largest)
			if i%4 == 2 {
				labels[i] = int32(classes - 1)
			}
		}
	}
	scale := 1 / float32(rows)
	wantLoss, wantCorrect, most, gradient := 0.0, 0.0, 1.0, doubles(before)
	for i, label := range labels {
		row := logits[i*stride : i*stride+classes]
		sum, largest := 0.0, 0
		for j, v := range row {
			sum += math.Exp(float64(v))
			if v > row[largest] {
				largest = j
			}
		}
		z := math.Log(sum)
		wantLoss += (z - float64(row[label]) + float64(zLoss)*z*z) / float64(rows)
		share := 1 + 2*float64(zLoss)*z
		most = max(most, share)
		if largest == int(label) {
			wantCorrect++
		}
		for j, v := range row {
			gradient[i*stride+j] = math.Exp(float64(v)) / sum * share * float64(scale)
		}
		gradient[i*stride+int(label)] -= float64(scale)
	}
	losses, hits, loss, correct := unset(rows), unset(rows), unset(1), unset(1)
	launch(t, "cross_entropy_"+s.name, grid{rows}, logits, losses, hits, labels, classes, stride, scale, zLoss)
	launch(t, "cross_entropy_totals", grid{1}, loss, correct, losses, hits, rows)
	compareWithin(t, "loss", loss, []float64{wantLoss}, 1e-6*(1+wantLoss))
	compareAll(t, "correct", correct, []float64{wantCorrect}, 0)
	s.compareWithin(t, "gradient of the logits", logits, gradient, 1e-6*most*float64(scale))
}
