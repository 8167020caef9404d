//go:build gpu

package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// random are n numbers of the normal distribution.
func random(seed uint64, n int) []float32 {
	generator := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(generator.NormFloat64())
	}
	return x
}

// unset is memory that a kernel has to write to: NaN everywhere.
func unset(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.NaN())
	}
	return x
}

// added is what a kernel leaves in memory that it adds to.
func added(old []float32, more []float64) []float64 {
	sum := make([]float64, len(more))
	for i, x := range more {
		sum[i] = float64(old[i]) + x
	}
	return sum
}

// compareAll requires every element to be within a tolerance, relative to the largest element.
func compareAll(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	largest := 0.0
	for _, w := range want {
		largest = max(largest, math.Abs(w))
	}
	compareWithin(t, what, got, want, tolerance*largest)
}

// compareWithin requires every element to be within a distance.
func compareWithin(t *testing.T, what string, got []float32, want []float64, distance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d elements, want %d", what, len(got), len(want))
	}
	wrong := 0
	for i, g := range got {
		if e := math.Abs(float64(g) - want[i]); !(e <= distance) {
			if wrong++; wrong <= 3 {
				t.Errorf("%s[%d] is %v, want %v", what, i, g, want[i])
			}
		}
	}
	if wrong > 3 {
		t.Errorf("%s: %d of %d elements are wrong", what, wrong, len(got))
	}
}

func doubles(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// halves are numbers as memory of bfloat16 holds them: rounded to nearest even.
func halves(x []float32) []uint16 {
	h := make([]uint16, len(x))
	for i, v := range x {
		bits := math.Float32bits(v)
		if v != v {
			h[i] = 0x7fff // what a GPU makes of NaN
			continue
		}
		h[i] = uint16((bits + 0x7fff + bits>>16&1) >> 16)
	}
	return h
}

func wholes(h []uint16) []float32 {
	x := make([]float32, len(h))
	for i, v := range h {
		x[i] = math.Float32frombits(uint32(v) << 16)
	}
	return x
}

func unsetHalves(n int) []uint16 { return halves(unset(n)) }

// requireHalves requires half to be x rounded.
func requireHalves(t *testing.T, half []uint16, x []float32) {
	t.Helper()
	if want := halves(x); !slices.Equal(half, want) {
		t.Errorf("the copy in bfloat16 is %x, want %x", half, want)
	}
}
