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
	compareWithin(t, what, got, want, tolerance*largest(want))
}

// compareWithin requires every element to be within a distance.
func compareWithin(t *testing.T, what string, got []float32, want []float64, distance float64) {
	t.Helper()
	compareEach(t, what, got, want, func(float64) float64 { return distance })
}

func compareEach(t *testing.T, what string, got []float32, want []float64, distance func(want float64) float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d elements, want %d", what, len(got), len(want))
	}
	wrong := 0
	for i, g := range got {
		if e := math.Abs(float64(g) - want[i]); !(e <= distance(want[i])) {
			if wrong++; wrong <= 3 {
				t.Errorf("%s[%d] is %v, want %v", what, i, g, want[i])
			}
		}
	}
	if wrong > 3 {
		t.Errorf("%s: %d of %d elements are wrong", what, wrong, len(got))
	}
}

func largest(x []float64) float64 {
	most := 0.0
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	return most
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

// storage is a type of activations, in which most kernels exist: its name in theirs.
type storage struct {
	name string
	kind Type
	step float64 // the error of rounding to it, relative
}

var storages = []storage{{"float", Float32, 0}, {"bf16", BFloat16, 1.0 / 256}}

// forStorages tests the kernels of each type.
func forStorages(t *testing.T, test func(t *testing.T, s storage)) {
	for _, s := range storages {
		t.Run(s.name, func(t *testing.T) { test(t, s) })
	}
}

// rounded is x as memory holds it.
func (s storage) rounded(x []float32) []float32 {
	if s.kind == BFloat16 {
		return wholes(halves(x))
	}
	return x
}

func (s storage) random(seed uint64, n int) []float32 { return s.rounded(random(seed, n)) }
func (s storage) wide(seed uint64, n int) []float32   { return s.rounded(wide(seed, n)) }

func (s storage) flatGrid(n int) grid              { return grid{FlatBlocks(s.kind, n)} }
func (s storage) cellGrid(rows, width int) grid    { return grid{CellBlocks(s.kind, rows, width)} }
func (s storage) stripGrid(width, blocks int) grid { return grid{StripBlocks(s.kind, width), blocks} }

// compareAll is compareAll of what is computed exactly but for a tolerance, and then rounded.
func (s storage) compareAll(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	s.compareWithin(t, what, got, want, tolerance*largest(want))
}

func (s storage) compareWithin(t *testing.T, what string, got []float32, want []float64, distance float64) {
	t.Helper()
	compareEach(t, what, got, want, func(want float64) float64 { return distance + s.step*math.Abs(want) })
}

// compareBits requires what float32 gives, rounded.
func (s storage) compareBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	compareAll(t, what, got, doubles(s.rounded(want)), 0)
}
