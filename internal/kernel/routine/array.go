package routine

import "math"

// Array is numbers in memory, stored as float32 or as bfloat16, which is the upper half of a float32. At most one of the
// slices is set; an array without either is one that is left out.
type Array struct {
	Floats []float32
	Halves []uint16
}

// Floats is an array of float32.
func Floats(x []float32) Array { return Array{Floats: x} }

// Halves is an array of bfloat16.
func Halves(x []uint16) Array { return Array{Halves: x} }

// Len is the number of elements.
func (a Array) Len() int { return len(a.Floats) + len(a.Halves) }

// Present reports whether the array is not left out.
func (a Array) Present() bool { return a.Floats != nil || a.Halves != nil }

// Slice is the elements from first to last-1. That of an array that is left out is left out.
func (a Array) Slice(first, last int) Array {
	switch {
	case a.Halves != nil:
		return Array{Halves: a.Halves[first:last]}
	case a.Floats != nil:
		return Array{Floats: a.Floats[first:last]}
	}
	return a
}

// From is the elements from the given one on; none if there are fewer.
func (a Array) From(first int) Array { return a.Slice(min(first, a.Len()), a.Len()) }

// Widen copies rows of numbers in bfloat16 to float32.
type Widen struct {
	To          []float32 // [rows, width], rows ToStride apart
	X           []uint16  // [rows, width], rows Stride apart
	Rows, Width int
	ToStride    int
	Stride      int
}

// Narrow rounds rows to bfloat16, to nearest, ties to even, as VCVTNEPS2BF16 does: what is subnormal becomes a zero of its
// sign, and NaN stays NaN. If Accumulate, they are added to what is there before.
type Narrow struct {
	To          []uint16  // [rows, width], rows ToStride apart
	X           []float32 // [rows, width], rows Stride apart
	Rows, Width int
	ToStride    int
	Stride      int
	Accumulate  bool
}

// ToBFloat16 rounds to bfloat16 as Narrow does.
func ToBFloat16(x float32) uint16 {
	bits := math.Float32bits(x)
	switch {
	case x != x:
		return uint16((bits | 1<<22) >> 16)
	case bits&0x7f800000 == 0:
		return uint16(bits & 0x80000000 >> 16)
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// FromBFloat16 is the float32 of the same value.
func FromBFloat16(x uint16) float32 { return math.Float32frombits(uint32(x) << 16) }
