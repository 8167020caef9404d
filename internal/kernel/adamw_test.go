package kernel

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// steps is the form of testdata/optimizer_steps.json: updates of small tensors by UER-py's optimizers.
type steps struct {
	LR   float64
	Runs map[string]struct {
		Init   []nested
		Grads  [][]nested
		Params [][]nested
	}
}

// nested is a tensor as lists in lists.
type nested struct {
	shape []int
	data  []float32
}

func (n *nested) UnmarshalJSON(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	n.add(value, 0)
	return nil
}

func (n *nested) add(value any, depth int) {
	list, ok := value.([]any)
	if !ok {
		n.data = append(n.data, float32(value.(float64)))
		return
	}
	if depth == len(n.shape) {
		n.shape = append(n.shape, len(list))
	}
	for _, v := range list {
		n.add(v, depth+1)
	}
}

func readSteps(t *testing.T) (s steps) {
	t.Helper()
	data, err := os.ReadFile("testdata/optimizer_steps.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAdamWIsThatOfUER(t *testing.T) {
	golden := readSteps(t)
	for name, decay := range map[string]float64{"adamw_wd0.0": 0, "adamw_wd0.01": 0.01} {
		run := golden.Runs[name]
		for _, set := range testedSets() {
			c := newTestCPU(t, set, 1)
			for i, tensor := range run.Init {
				p := slices.Clone(tensor.data)
				first, second := make([]float32, len(p)), make([]float32, len(p))
				a := AdamW{Rate: golden.LR, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-6, WeightDecay: decay, GradientScale: 1}
				for step := range run.Grads {
					c.AdamW(a, p, run.Grads[step][i].data, first, second)
					requireNear(t, set+" "+name, p, float64s(run.Params[step][i].data), 2e-7)
				}
			}
		}
	}
}

func TestAdamWAgrees(t *testing.T) {
	for _, n := range []int{0, 1, 3, 17, 63, 65, 2*tileElements + 9} {
		p, g := random(1, n), random(2, n)
		a := AdamW{Rate: 1e-2, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-6, WeightDecay: 0.01, GradientScale: 0.25}
		requireSame(t, 3e-7, func(c *CPU) [][]float32 {
			p, first, second := slices.Clone(p), make([]float32, n), make([]float32, n)
			for range 3 {
				c.AdamW(a, p, g, first, second)
			}
			return [][]float32{p, first, second}
		})
	}
}

func TestStableAdamWAgrees(t *testing.T) {
	for _, n := range []int{0, 1, 3, 17, 63, 65, 3*stableBlock + 9} {
		for _, scale := range []float64{0.25, 40} { // within the limit of a step, and beyond
			p, g := random(1, n), random(2, n)
			a := AdamW{Rate: 1e-2, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-6, WeightDecay: 0.01, GradientScale: scale}
			requireSame(t, 1e-6, func(c *CPU) [][]float32 {
				p, first, second := slices.Clone(p), make([]float32, n), make([]float32, n)
				for range 3 {
					c.StableAdamW(a, p, g, first, second, make([]float64, StableAdamWScratch(n)))
				}
				return [][]float32{p, first, second}
			})
		}
	}
}

func BenchmarkStableAdamW(b *testing.B) {
	const n = 20_000_000
	p, g, first, second := random(1, n), random(2, n), Allocate(n), Allocate(n)
	a := AdamW{Rate: 1e-6, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-6, WeightDecay: 0.01, GradientScale: 1}
	scratch := make([]float64, StableAdamWScratch(n))
	eachSet(b, 36*n, func(c *CPU) { c.StableAdamW(a, p, g, first, second, scratch) })
}

func BenchmarkAdamW(b *testing.B) {
	const n = 20_000_000
	p, g, first, second := random(1, n), random(2, n), Allocate(n), Allocate(n)
	a := AdamW{Rate: 1e-6, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-6, WeightDecay: 0.01, GradientScale: 1}
	eachSet(b, 28*n, func(c *CPU) { c.AdamW(a, p, g, first, second) })
}
