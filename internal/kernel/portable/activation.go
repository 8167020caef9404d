package portable

import (
	"math"

	"uer/internal/kernel/routine"
)

// Activate is a(x), in float64.
func Activate(a routine.Activation, x float64) float64 {
	switch a {
	case routine.GELU:
		return x * math.Erfc(-x/math.Sqrt2) / 2
	case routine.GELUFast:
		return x * sigmoid(2*geluInner(x))
	case routine.ReLU:
		return max(x, 0)
	case routine.SiLU:
		return x * sigmoid(x)
	case routine.Tanh:
		return math.Tanh(x)
	case routine.Sigmoid:
		return sigmoid(x)
	}
	return x
}

// derivative is a'(x), in float64. That of ReLU at 0 is 0.
func derivative(a routine.Activation, x float64) float64 {
	switch a {
	case routine.GELU:
		return math.Erfc(-x/math.Sqrt2)/2 + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	case routine.GELUFast:
		s := sigmoid(2 * geluInner(x))
		return s + x*2*s*(1-s)*geluSlope*(1+3*geluCube*x*x)
	case routine.ReLU:
		if x > 0 {
			return 1
		}
		return 0
	case routine.SiLU:
		s := sigmoid(x)
		return s + x*s*(1-s)
	case routine.Tanh:
		t := math.Tanh(x)
		return 1 - t*t
	case routine.Sigmoid:
		s := sigmoid(x)
		return s * (1 - s)
	}
	return 1
}

// The inner function of GELUFast is geluSlope (x + geluCube x³); (1 + tanh u)/2 = σ(2u).
const (
	geluSlope = 0.7978845608028654 // √(2/π)
	geluCube  = 0.044715
)

func geluInner(x float64) float64 { return geluSlope * (x + geluCube*x*x*x) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func activationBackward(a routine.ActivationBackward) {
	for i := range a.X.Len() {
		write(a.DX, i, float32(float64(read(a.DY, i))*derivative(a.Activation, float64(read(a.X, i)))))
	}
}

func gatedForward(a routine.GatedForward) {
	for i := range a.X.Len() {
		write(a.Y, i, float32(Activate(a.Activation, float64(read(a.Gate, i)))*float64(read(a.X, i))))
	}
}

func gatedBackward(a routine.GatedBackward) {
	for i := range a.X.Len() {
		g, f, d := float64(read(a.Gate, i)), float64(read(a.X, i)), float64(read(a.DY, i))
		write(a.DGate, i, float32(d*f*derivative(a.Activation, g)))
		write(a.DX, i, float32(d*Activate(a.Activation, g)))
	}
}
