package kernel

import "math"

// activate is a(x), in float64.
func activate(a Activation, x float64) float64 {
	switch a {
	case GELU:
		return x * math.Erfc(-x/math.Sqrt2) / 2
	case GELUFast:
		return x * sigmoid(2*geluInner(x))
	case ReLU:
		return max(x, 0)
	case SiLU:
		return x * sigmoid(x)
	case Tanh:
		return math.Tanh(x)
	case Sigmoid:
		return sigmoid(x)
	}
	return x
}

// derivative is a'(x), in float64. That of ReLU at 0 is 0.
func derivative(a Activation, x float64) float64 {
	switch a {
	case GELU:
		return math.Erfc(-x/math.Sqrt2)/2 + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	case GELUFast:
		s := sigmoid(2 * geluInner(x))
		return s + x*2*s*(1-s)*geluSlope*(1+3*geluCube*x*x)
	case ReLU:
		if x > 0 {
			return 1
		}
		return 0
	case SiLU:
		s := sigmoid(x)
		return s + x*s*(1-s)
	case Tanh:
		t := math.Tanh(x)
		return 1 - t*t
	case Sigmoid:
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

func portableActivationForward(a Activation, y, x []float32) {
	for i, v := range x {
		y[i] = float32(activate(a, float64(v)))
	}
}

func portableActivationBackward(a Activation, dx, dy, x []float32) {
	for i, v := range x {
		dx[i] = float32(float64(dy[i]) * derivative(a, float64(v)))
	}
}

func portableGatedForward(a Activation, y, gate, x []float32) {
	for i, v := range gate {
		y[i] = float32(activate(a, float64(v)) * float64(x[i]))
	}
}

func portableGatedBackward(a Activation, dgate, dx, dy, gate, x []float32) {
	for i, v := range gate {
		g, f, d := float64(v), float64(x[i]), float64(dy[i])
		dgate[i] = float32(d * f * derivative(a, g))
		dx[i] = float32(d * activate(a, g))
	}
}
