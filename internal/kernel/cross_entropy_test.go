package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// newCrossEntropy returns a loss with random operands and gradients.
func newCrossEntropy(rows, width, classes int, bias bool) *CrossEntropy {
	p := &CrossEntropy{
		Rows: rows, Width: width, Classes: classes,
		Hidden: Floats(random(1, rows*width)), Weight: random(2, classes*width), Labels: draws(3, rows, classes),
		DHidden: Output{To: Floats(random(4, rows*width))}, DWeight: Output{To: Floats(random(5, classes*width))},
		Scratch: make([]float32, CrossEntropyScratch(rows, width, classes)),
	}
	if bias {
		p.Bias, p.DBias.To = random(6, classes), Floats(random(7, classes))
	}
	return p
}

// slowCrossEntropy is the loss and its gradients by their definition in float64.
func slowCrossEntropy(p *CrossEntropy) (loss float64, correct int, dhidden, dweight, dbias []float64) {
	dhidden, dweight, dbias = make([]float64, len(p.Hidden.Floats)), make([]float64, len(p.Weight)), make([]float64, p.Classes)
	for r, label := range p.Labels {
		hidden := p.Hidden.Floats[r*p.Width : (r+1)*p.Width]
		logits, sum, best := make([]float64, p.Classes), 0.0, 0
		for k := range logits {
			logits[k] = weighted(hidden, p.Weight[k*p.Width:(k+1)*p.Width])
			if p.Bias != nil {
				logits[k] += float64(p.Bias[k])
			}
			if logits[k] > logits[best] {
				best = k
			}
		}
		for _, v := range logits {
			sum += math.Exp(v - logits[best])
		}
		z := math.Log(sum) + logits[best]
		loss += (z - logits[label] + float64(p.ZLoss)*z*z) / float64(p.Rows)
		if best == int(label) {
			correct++
		}
		for k, v := range logits {
			d := math.Exp(v-logits[best]) / sum * (1 + 2*float64(p.ZLoss)*z)
			if k == int(label) {
				d--
			}
			d /= float64(p.Rows)
			dbias[k] += d
			for j, h := range hidden {
				dhidden[r*p.Width+j] += d * float64(p.Weight[k*p.Width+j])
				dweight[k*p.Width+j] += d * float64(h)
			}
		}
	}
	return loss, correct, dhidden, dweight, dbias
}

func TestCrossEntropyIsItsDefinition(t *testing.T) {
	for _, size := range [][3]int{{1, 3, 1}, {1, 5, 2}, {33, 17, 2}, {9, 16, 63}, {65, 8, 1025}, {5, 2, 70_000}} {
		for _, bias := range []bool{false, true} {
			testDefinition(t, size, bias, 0)
			testDefinition(t, size, bias, 0.125)
		}
	}
}

func testDefinition(t *testing.T, size [3]int, bias bool, zLoss float32) {
	want := newCrossEntropy(size[0], size[1], size[2], bias)
	want.ZLoss = zLoss
	loss, correct, dhidden, dweight, dbias := slowCrossEntropy(want)
	for _, set := range testedSets() {
		p := newCrossEntropy(size[0], size[1], size[2], bias)
		p.ZLoss = zLoss
		name := fmt.Sprint(set, " ", size, " bias ", bias, " z-loss ", zLoss, " ")
		got, gotCorrect := newTestCPU(t, set, 2).CrossEntropy(p)
		if math.Abs(float64(got)-loss) > 1e-6*max(1, loss) || gotCorrect != correct {
			t.Errorf("%sloss %v, %d correct; want %v, %d", name, got, gotCorrect, loss, correct)
		}
		requireNear(t, name+"dhidden", p.DHidden.To.Floats, dhidden, 2e-6)
		requireNear(t, name+"dweight", p.DWeight.To.Floats, dweight, 2e-6)
		if bias {
			requireNear(t, name+"dbias", p.DBias.To.Floats, dbias, 2e-6)
		}
	}
}

func TestCrossEntropyAgreesAndAccumulates(t *testing.T) {
	// The last has two chunks of rows, each of several tiles.
	for _, size := range [][3]int{{5, 3, 2}, {70, 7, 4099}, {5000, 3, 40}} {
		requireSame(t, 3e-6, func(c *CPU) [][]float32 {
			p := newCrossEntropy(size[0], size[1], size[2], true)
			p.DHidden.Accumulate, p.DBias.Accumulate = true, true
			loss, correct := c.CrossEntropy(p)
			return [][]float32{{loss, float32(correct)}, p.DHidden.To.Floats, p.DWeight.To.Floats, p.DBias.To.Floats}
		})
	}
	c := newTestCPU(t, "portable", 1)
	once, twice := newCrossEntropy(9, 5, 70, true), newCrossEntropy(9, 5, 70, true)
	c.CrossEntropy(once)
	for _, out := range []*Output{&twice.DHidden, &twice.DWeight, &twice.DBias} {
		c.Fill(out.To.Floats, 1)
		out.Accumulate = true
	}
	c.CrossEntropy(twice)
	for name, pair := range map[string][2][]float32{
		"dhidden": {once.DHidden.To.Floats, twice.DHidden.To.Floats}, "dweight": {once.DWeight.To.Floats, twice.DWeight.To.Floats}, "dbias": {once.DBias.To.Floats, twice.DBias.To.Floats},
	} {
		for i := range pair[0] {
			pair[0][i]++
		}
		requireNear(t, name, pair[1], float64s(pair[0]), 1e-6)
	}
}

// TestCrossEntropyChunks holds that the cut into chunks does not show, beyond rounding.
func TestCrossEntropyChunks(t *testing.T) {
	const rows, width, classes = 5000, 3, 40
	if chunk := crossEntropyChunk(rows, classes); chunk != 2500 {
		t.Fatalf("chunk of %d rows", chunk)
	}
	p := newCrossEntropy(rows, width, classes, true)
	loss, correct, dhidden, dweight, dbias := slowCrossEntropy(p)
	c, err := New(2, Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, gotCorrect := c.CrossEntropy(p)
	if math.Abs(float64(got)-loss) > 1e-5 || correct != gotCorrect {
		t.Errorf("loss %v, %d correct; want %v, %d", got, gotCorrect, loss, correct)
	}
	requireNear(t, "dhidden", p.DHidden.To.Floats, dhidden, 2e-6)
	requireNear(t, "dweight", p.DWeight.To.Floats, dweight, 2e-6)
	requireNear(t, "dbias", p.DBias.To.Floats, dbias, 2e-6)
}

func TestCrossEntropyWithoutRows(t *testing.T) {
	for _, set := range testedSets() {
		p := newCrossEntropy(0, 4, 10, true)
		before := slices.Clone(p.DWeight.To.Floats)
		p.DWeight.Accumulate = true
		loss, correct := newTestCPU(t, set, 1).CrossEntropy(p)
		if loss != 0 || correct != 0 {
			t.Errorf("%s: loss %v, %d correct of nothing", set, loss, correct)
		}
		if !slices.Equal(p.DWeight.To.Floats, before) || !slices.Equal(p.DBias.To.Floats, make([]float32, 10)) {
			t.Errorf("%s: gradients %v %v of nothing", set, p.DWeight.To, p.DBias.To)
		}
	}
}

// TestCrossEntropyWithoutGradients leaves out each gradient in turn, and all: the rest keeps its bits.
func TestCrossEntropyWithoutGradients(t *testing.T) {
	for _, set := range testedSets() {
		c := newTestCPU(t, set, 2)
		want := newCrossEntropy(70, 7, 4099, true)
		loss, correct := c.CrossEntropy(want)
		for left := range 8 {
			p := newCrossEntropy(70, 7, 4099, true)
			for i, out := range []*Output{&p.DHidden, &p.DWeight, &p.DBias} {
				if left&(1<<i) != 0 {
					out.To = Array{}
				}
			}
			if got, gotCorrect := c.CrossEntropy(p); got != loss || gotCorrect != correct {
				t.Errorf("%s: loss %v, %d correct; with all gradients %v, %d", set, got, gotCorrect, loss, correct)
			}
			for _, pair := range [][2]Output{{p.DHidden, want.DHidden}, {p.DWeight, want.DWeight}, {p.DBias, want.DBias}} {
				if pair[0].To.Floats != nil && !slices.Equal(pair[0].To.Floats, pair[1].To.Floats) {
					t.Errorf("%s: a gradient differs without others (%b)", set, left)
				}
			}
		}
	}
}

// TestCrossEntropyCountsTheFirstLargest sets logits through the bias.
func TestCrossEntropyCountsTheFirstLargest(t *testing.T) {
	const classes = 3000 // several blocks of classes
	for _, set := range testedSets() {
		c := newTestCPU(t, set, 1)
		for _, equal := range [][]int{{5}, {5, 6}, {5, 2500}, {1023, 1024}, {0, 2999}, {1500, 1400}} {
			for _, label := range append(equal, 7) {
				p := newCrossEntropy(1, 1, classes, true)
				p.Hidden.Floats[0], p.Labels[0] = 0, int32(label)
				c.Fill(p.Bias, 0)
				for _, k := range equal {
					p.Bias[k] = 1
				}
				want := 0
				if label == slices.Min(equal) {
					want = 1
				}
				if _, correct := c.CrossEntropy(p); correct != want {
					t.Errorf("%s: label %d with the largest at %v: %d correct, want %d", set, label, equal, correct, want)
				}
			}
		}
	}
}

func TestCrossEntropyGradients(t *testing.T) {
	c := newTestCPU(t, "portable", 1)
	p := newCrossEntropy(6, 5, 7, true)
	c.CrossEntropy(p)
	q := *p
	q.DHidden.To, q.DWeight.To, q.DBias.To = Floats(make([]float32, 6*5)), Floats(make([]float32, 7*5)), Floats(make([]float32, 7))
	loss := func() float64 { l, _ := c.CrossEntropy(&q); return float64(l) }
	requireGradient(t, "hidden", p.Hidden.Floats, p.DHidden.To.Floats, loss)
	requireGradient(t, "weight", p.Weight, p.DWeight.To.Floats, loss)
	requireGradient(t, "bias", p.Bias, p.DBias.To.Floats, loss)
}

func TestCrossEntropyOfLargeLogits(t *testing.T) {
	for _, set := range testedSets() {
		p := newCrossEntropy(2, 1, 3, true)
		copy(p.Hidden.Floats, []float32{0, 0})
		copy(p.Bias, []float32{3e4, 0, -3e4})
		copy(p.Labels, []int32{0, 2})
		loss, _ := newTestCPU(t, set, 1).CrossEntropy(p)
		if loss != 3e4 {
			t.Errorf("%s: loss %v, want 30000", set, loss)
		}
		requireNear(t, set, p.DBias.To.Floats, []float64{0.5, 0, -0.5}, 1e-6)
	}
}

func BenchmarkCrossEntropy(b *testing.B) {
	for _, size := range [][3]int{{600, 768, 21128}, {4096, 256, 2}} {
		p := newCrossEntropy(size[0], size[1], size[2], true)
		c, err := New(0, Float32)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				c.CrossEntropy(p)
			}
			b.ReportMetric(6*float64(size[0]*size[1]*size[2])*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		logits := random(1, min(64, size[0])*size[2])
		sums, results := make([]float32, 64*size[2]), make([]float32, 2*size[0])
		b.Run(fmt.Sprint("softmax", size), func(b *testing.B) {
			eachSet(b, 12*len(logits), func(c *CPU) {
				c.softmaxRows(p, logits, sums, results, p.Labels[:len(logits)/size[2]])
			})
		})
	}
}
