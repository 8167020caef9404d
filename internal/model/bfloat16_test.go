package model

import (
	"math"
	"testing"

	"uer/internal/task"
)

// TestBFloat16 compares a step in bfloat16 with one in float32. Factors keep eight bits, a relative error of up to 2⁻⁹
// each, most of which cancels in sums of many products. The losses of these models have a relative error of up to 2.3e-4,
// and the cosine of the angle between their gradients is at least 0.9998.
func TestBFloat16(t *testing.T) {
	onEverySet(t, func(t *testing.T) {
		for name := range goldenModels {
			t.Run(name, func(t *testing.T) { openGolden(t, name).compareBFloat16(t) })
		}
	})
}

func (g *golden) compareBFloat16(t *testing.T) {
	g.on.need(t, "bf16")
	exact := g.start(t, "fp32")
	loss := g.run(t, exact, 0)
	rounded := g.start(t, "bf16")
	got := g.run(t, rounded, 0)
	if math.Abs(got-loss) > 1e-3*loss || got == loss {
		t.Errorf("loss %v in bfloat16, %v in float32", got, loss)
	}
	if similarity := cosine(rounded.gradients(t), exact.gradients(t)); similarity < 0.999 {
		t.Errorf("the gradients point in different directions: cosine %.5f", similarity)
	}
}

func cosine(a, b []float32) float64 {
	var product, squaresA, squaresB float64
	for i, x := range a {
		y := float64(b[i])
		product += float64(x) * y
		squaresA += float64(x) * float64(x)
		squaresB += y * y
	}
	return product / math.Sqrt(squaresA*squaresB)
}

// TestBFloat16Tracks trains in float32 and in bfloat16 on the same batches with the same dropout, and compares means of ten
// losses. Unbiased rounding errors mostly cancel: these models differ by at most 1e-4. Biased errors add up: truncating
// factors instead of rounding them makes every model differ by at least 2.7e-4, and a learning rate that is 1 % higher by
// 5e-4. Targets with labels of sentences are left out: a batch has so few of them that the losses vary too much.
func TestBFloat16Tracks(t *testing.T) {
	const steps, window, tolerance = 40, 10, 2e-4
	if testing.Short() {
		t.Skip("compares means over 40 steps")
	}
	on := processor{threads: 2}
	on.need(t, "bf16")
	exact, rounded := openDemo(t), openDemo(t)
	exact.rate, rounded.rate = 0.001, 0.001 // small, so that training does not amplify differences
	rounded.precision = "bf16"
	for name, m := range middling() {
		if task.ByName[m.Target].Labelled {
			continue
		}
		_, want := exact.trainSteps(t, on, m, steps)
		_, got := rounded.trainSteps(t, on, m, steps)
		for from := 0; from < steps; from += window {
			w, g := mean(want[from:from+window]), mean(got[from:from+window])
			if !(math.Abs(g-w) <= tolerance*w) {
				t.Errorf("%s: mean loss %.5f after step %d in bfloat16, %.5f in float32", name, g, from, w)
			}
		}
		if first, last := mean(want[:window]), mean(want[steps-window:]); last > 0.9*first {
			t.Errorf("%s learns nothing to compare: mean loss %v at first, %v at last", name, first, last)
		}
	}
}

func mean(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}
