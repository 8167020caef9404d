package portable

import (
	"math"

	"uer/internal/kernel/routine"
)

func adamW(a routine.AdamWUpdate) {
	for i := range a.Parameters {
		g := a.GradientScale * float64(a.Gradients[i])
		m := a.Beta1*float64(a.First[i]) + (1-a.Beta1)*g
		v := a.Beta2*float64(a.Second[i]) + (1-a.Beta2)*g*g
		p := float64(a.Parameters[i])
		p -= a.Rate * m / (math.Sqrt(v) + a.Epsilon)
		p -= a.Rate * a.WeightDecay * p
		a.First[i], a.Second[i], a.Parameters[i] = float32(m), float32(v), float32(p)
	}
}

func stableMoments(a routine.AdamWUpdate) float64 {
	sum := 0.0
	for i, gradient := range a.Gradients {
		g := a.GradientScale * float64(gradient)
		v := a.Beta2*float64(a.Second[i]) + (1-a.Beta2)*g*g
		a.First[i] = float32(a.Beta1*float64(a.First[i]) + (1-a.Beta1)*g)
		a.Second[i] = float32(v)
		sum += g * g / max(v, a.Epsilon*a.Epsilon)
	}
	return sum
}

func stableStep(a routine.AdamWUpdate) {
	for i := range a.Parameters {
		p := float64(a.Parameters[i])
		step := float64(a.First[i]) / (math.Sqrt(float64(a.Second[i])) + a.Epsilon)
		a.Parameters[i] = float32(p - a.Rate*a.WeightDecay*p - a.Rate*step)
	}
}
