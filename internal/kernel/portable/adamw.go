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
