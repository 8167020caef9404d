//go:build gpu

package kernels

import (
	"math"
	"testing"
)

// TestFunctions compares the elementary functions with float64 over their whole range.
func TestFunctions(t *testing.T) {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	tests := []struct {
		name     string
		of       func(float64) float64
		from, to float32
		limit    float64 // of the error, in ulp
	}{
		{"exp", math.Exp, -math.MaxFloat32, 88.72, 1.1},
		{"log", math.Log, math.SmallestNonzeroFloat32, math.MaxFloat32, 0.9},
		{"tanh", math.Tanh, -math.MaxFloat32, math.MaxFloat32, 1.4},
		{"sigmoid", sigmoid, -103, math.MaxFloat32, 2.8},
		{"slope of sigmoid", func(x float64) float64 { return sigmoid(x) * sigmoid(-x) }, -103, 103, 4},
		{"normal", func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }, -math.MaxFloat32, math.MaxFloat32, 6},
		{"density", func(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }, -14, 14, 3},
	}
	const step = 16411 // one in so many of the numbers that float32 has
	for number, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var x []float32
			for bits := uint64(0); bits < 1<<32; bits += step {
				if v := math.Float32frombits(uint32(bits)); v >= test.from && v <= test.to {
					x = append(x, v)
				}
			}
			y := unset(len(x))
			launch(t, "functions", grid{ceilDivide(len(x), 256)}, y, x, len(x), number)
			worst, at := 0.0, float32(0)
			for i := range x {
				want := test.of(float64(x[i]))
				if e := math.Abs(float64(y[i])-want) / ulp(want); !(e <= worst) {
					worst, at = e, x[i]
				}
			}
			if !(worst <= test.limit) {
				t.Errorf("an error of %.2f ulp at %v, want at most %v", worst, at, test.limit)
			}
		})
	}
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0}
	for number, want := range [][]float32{
		0: {special[0], special[1], 0, 1}, 1: {special[0], special[1]}, 2: {special[0], 1, -1, 0}, 3: {special[0], 1, 0, 0.5},
		5: {special[0], 1, 0, 0.5},
	} {
		if want == nil {
			continue
		}
		y := unset(len(special))
		launch(t, "functions", grid{1}, y, special, len(special), number)
		for i, v := range y[:len(want)] {
			if v != want[i] && !(math.IsNaN(float64(v)) && math.IsNaN(float64(want[i]))) {
				t.Errorf("%s of %v is %v, want %v", tests[number].name, special[i], v, want[i])
			}
		}
	}
}

// ulp is the distance of the numbers that float32 has around x.
func ulp(x float64) float64 {
	_, exponent := math.Frexp(x)
	return math.Ldexp(1, max(exponent, -125)-24)
}
