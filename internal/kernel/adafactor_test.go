package kernel

import (
	"fmt"
	"slices"
	"testing"
)

// newMoments returns zero moments and scratch for a tensor.
func newMoments(shape []int) (first, second, scratch []float32) {
	n, m := AdafactorMoments(shape)
	return make([]float32, n), make([]float32, m), make([]float32, AdafactorScratch(shape))
}

func TestAdafactorIsThatOfUER(t *testing.T) {
	golden := readSteps(t)
	for name, decay := range map[string]float64{"adafactor_wd0.0": 0, "adafactor_wd0.01": 0.01} {
		run := golden.Runs[name]
		for _, set := range testedSets() {
			c := newTestCPU(t, set, 1)
			for i, tensor := range run.Init {
				p := slices.Clone(tensor.data)
				first, second, scratch := newMoments(tensor.shape)
				for step := range run.Grads {
					a := Adafactor{Rate: golden.LR, WeightDecay: decay, GradientScale: 1, Step: step + 1}
					c.Adafactor(a, p, run.Grads[step][i].data, first, second, tensor.shape, scratch)
					requireNear(t, fmt.Sprint(set, " ", name, " ", tensor.shape), p, float64s(run.Params[step][i].data), 2e-7)
				}
			}
		}
	}
}

func TestAdafactorAgrees(t *testing.T) {
	for _, shape := range [][]int{{}, {1}, {65}, {1, 1}, {3, 17}, {17, 3}, {1000, 65}, {63, 1}, {2, 3, 5}, {130, 17, 63}, {70, 50, 4, 1}, {0, 3}} {
		n := 1
		for _, axis := range shape {
			n *= axis
		}
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			requireSame(t, 2e-6, func(c *CPU) [][]float32 {
				p := random(1, n)
				first, second, scratch := newMoments(shape)
				for step := range 3 {
					a := Adafactor{Rate: 1e-2, WeightDecay: 0.01, GradientScale: 0.5, Step: step + 1}
					c.Adafactor(a, p, random(uint64(step), n), first, second, shape, scratch)
				}
				return [][]float32{p, first, second}
			})
		})
	}
}

// TestAdafactorOfManyMatrices holds that a tensor of matrices is updated as they would be one by one, but for the
// clipping, whose mean is over the whole tensor; equal matrices have equal means.
func TestAdafactorOfManyMatrices(t *testing.T) {
	const rows, width = 6, 5
	c := newTestCPU(t, "portable", 1)
	a := Adafactor{Rate: 1e-2, WeightDecay: 0.01, GradientScale: 2, Step: 1}
	p, g := random(1, rows*width), random(2, rows*width)
	all := slices.Concat(p, p, p)
	first, second, scratch := newMoments([]int{3, 1, rows, width})
	c.Adafactor(a, all, slices.Concat(g, g, g), first, second, []int{3, 1, rows, width}, scratch)
	first, second, scratch = newMoments([]int{rows, width})
	c.Adafactor(a, p, g, first, second, []int{rows, width}, scratch)
	requireNear(t, "three equal matrices", all, float64s(slices.Concat(p, p, p)), 1e-7)
}

func BenchmarkAdafactor(b *testing.B) {
	for _, shape := range [][]int{{21128, 768}, {512, 512, 3, 1}, {768}} {
		n := 1
		for _, axis := range shape {
			n *= axis
		}
		p, g := random(1, n), random(2, n)
		first, second, scratch := newMoments(shape)
		b.Run(fmt.Sprint(shape), func(b *testing.B) {
			eachSet(b, 20*n, func(c *CPU) {
				c.Adafactor(Adafactor{Rate: 1e-6, GradientScale: 1, Step: 5}, p, g, first, second, shape, scratch)
			})
		})
	}
}
