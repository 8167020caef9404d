package optimizer

import (
	"math"
	"math/rand/v2"
	"testing"

	"uer/internal/graph"
)

// TestStableAdamW compares with the formula in float64, over updates some of which are clipped.
func TestStableAdamW(t *testing.T) {
	const rate, decay, beta1, beta2, epsilon = 1e-2, 0.1, 0.9, 0.99, 1e-6
	layout := graph.NewLayout()
	layout.AddParameter(graph.Parameter{Name: "a.weight", Shape: graph.Shape{130, 70}}) // more than one block
	layout.AddParameter(graph.Parameter{Name: "b.bias", Shape: graph.Shape{5}})
	generator := rand.New(rand.NewPCG(3, 4))
	start := make([]float32, layout.ParameterSize)
	for _, p := range layout.Parameters {
		for i := range p.Shape.Elements() {
			start[p.Offset+i] = float32(generator.NormFloat64())
		}
	}
	r := newTraining(t, 2, Settings{Name: "stableadamw", LearningRate: rate, WeightDecay: decay, Beta1: beta1, Beta2: beta2}, layout, start, nil)
	want := map[int]*[3]float64{} // parameter and moments
	clipped := 0
	for step := 1; step <= 6; step++ {
		gradients := make([]float32, layout.ParameterSize)
		for _, p := range layout.Parameters {
			hat1 := beta1 * (1 - math.Pow(beta1, float64(step-1))) / (1 - math.Pow(beta1, float64(step)))
			hat2 := beta2 * (1 - math.Pow(beta2, float64(step-1))) / (1 - math.Pow(beta2, float64(step)))
			ratios, n := 0.0, p.Shape.Elements()
			for i := range n {
				at := p.Offset + i
				if want[at] == nil {
					want[at] = &[3]float64{float64(start[at])}
				}
				gradients[at] = float32(generator.NormFloat64() * math.Pow(3, float64(step%3)))
				g := float64(gradients[at])
				want[at][1] = hat1*want[at][1] + (1-hat1)*g
				want[at][2] = hat2*want[at][2] + (1-hat2)*g*g
				ratios += g * g / max(want[at][2], epsilon*epsilon)
			}
			step := rate / max(1, math.Sqrt(ratios/float64(n)))
			if step < rate {
				clipped++
			}
			for i := range n {
				w := want[p.Offset+i]
				shrink := 0.0
				if decays(p.Name) {
					shrink = step * decay * w[0]
				}
				w[0] -= shrink + step*w[1]/(math.Sqrt(w[2])+epsilon)
			}
		}
		r.write(t, graph.InGradients, gradients)
		r.step(t, 1)
	}
	got := r.read(t, graph.InParameters)
	for at, w := range want {
		if math.Abs(float64(got[at])-w[0]) > 1e-5 {
			t.Fatalf("value %d is %v, want %v", at, got[at], w[0])
		}
	}
	if clipped == 0 || clipped == 12 {
		t.Errorf("%d of 12 updates were clipped", clipped)
	}
}
