package model

import (
	"math"
	"os"
	"testing"

	"uer/internal/task"
)

// TestBFloat16 compares a step in bfloat16 with one in float32. Factors keep eight bits, a relative error of up to 2⁻⁹
// each, most of which cancels in sums of many products. The losses of these models have a relative error of up to 2.3e-4,
// and the cosine of the angle between their gradients is at least 0.9998.
func TestBFloat16(t *testing.T) { compareOnEverySet(t, "bf16", 1e-3, 1e-3) }

// TestBFloat16Parts is TestBFloat16 for two and three parts, whose losses and gradients are those of float32 but for its own
// errors.
func TestBFloat16Parts(t *testing.T) {
	compareOnEverySet(t, "bf16x3", 2e-6, 1e-8)
	compareOnEverySet(t, "bf16x6", 1e-6, 1e-9)
}

func compareOnEverySet(t *testing.T, precision string, loss, angle float64) {
	onEverySet(t, func(t *testing.T) {
		// In plain Go it takes long. Baseline has the products of portable; those of several parts have the bits of other sets.
		set := os.Getenv("UER_CPU")
		if inPlainGo(set, precision) && (testing.Short() || set == "baseline" || precision != "bf16") {
			t.Skip("takes long")
		}
		for name := range goldenModels {
			t.Run(precision+" "+name, func(t *testing.T) { openGolden(t, name).compareRounded(t, precision, loss, angle) })
		}
	})
}

// compareRounded fails if the loss of a precision has a larger relative error, or if the cosine of the angle between its
// gradients and those in float32 is smaller than one by more than angle.
func (g *golden) compareRounded(t *testing.T, precision string, within, angle float64) {
	g.on.need(t, precision)
	exact := g.start(t, "fp32")
	loss := g.run(t, exact, 0)
	rounded := g.start(t, precision)
	got := g.run(t, rounded, 0)
	if math.Abs(got-loss) > within*loss || precision == "bf16" && got == loss {
		t.Errorf("loss %v in %s, %v in float32", got, precision, loss)
	}
	if missing := 1 - cosine(rounded.gradients(t), exact.gradients(t)); missing > angle {
		t.Errorf("the gradients point in different directions: cosine 1 - %.3g", missing)
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
// losses. Unbiased rounding errors mostly cancel: these models differ by at most 5.1e-4 (T5; the others by 2.4e-4) where
// activations are stored in bfloat16, and by less where only factors are split. Biased errors add up: truncating what most kernels
// store instead of rounding it makes nine of the fourteen models differ by 8e-4 to 4e-3. Targets with labels of sentences are
// left out: a batch has so few of them that the losses vary too much.
func TestBFloat16Tracks(t *testing.T) {
	const steps, window = 40, 10
	if testing.Short() {
		t.Skip("compares means over 40 steps")
	}
	on, text := processor{threads: 2}, openDemo(t)
	text.rate = 0.001 // small, so that training does not amplify differences
	for name, m := range middling() {
		if task.ByName[m.Target].Labelled {
			continue
		}
		text.precision = "fp32"
		_, want := text.trainSteps(t, on, m, steps)
		if first, last := mean(want[:window]), mean(want[steps-window:]); last > 0.9*first {
			t.Errorf("%s learns nothing to compare: mean loss %v at first, %v at last", name, first, last)
		}
		for precision, tolerance := range map[string]float64{"bf16": 6e-4, "bf16x3": 1e-5, "bf16x6": 1e-5} {
			text.precision = precision
			_, got := text.trainSteps(t, on, m, steps)
			for from := 0; from < steps; from += window {
				w, g := mean(want[from:from+window]), mean(got[from:from+window])
				if !(math.Abs(g-w) <= tolerance*w) {
					t.Errorf("%s: mean loss %.7f after step %d in %s, %.7f in float32", name, g, from, precision, w)
				}
			}
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
