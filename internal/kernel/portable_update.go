package kernel

import "math"

func portableAdamW(a AdamW, parameters, gradients, first, second []float32) {
	for i := range parameters {
		g := a.GradientScale * float64(gradients[i])
		m := a.Beta1*float64(first[i]) + (1-a.Beta1)*g
		v := a.Beta2*float64(second[i]) + (1-a.Beta2)*g*g
		p := float64(parameters[i])
		p -= a.Rate * m / (math.Sqrt(v) + a.Epsilon)
		p -= a.Rate * a.WeightDecay * p
		first[i], second[i], parameters[i] = float32(m), float32(v), float32(p)
	}
}
