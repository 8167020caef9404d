package kernel

import "math"

func portableAdamW(a AdamW, parameters, gradients, first, second []float32) {
	for i, p := range parameters {
		g := a.GradientScale * gradients[i]
		first[i] = a.Beta1*first[i] + (1-a.Beta1)*g
		second[i] = a.Beta2*second[i] + (1-a.Beta2)*g*g
		p -= a.Rate * first[i] / (float32(math.Sqrt(float64(second[i]))) + a.Epsilon)
		parameters[i] = p - a.Rate*a.WeightDecay*p
	}
}
