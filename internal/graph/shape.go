package graph

import (
	"fmt"
	"strings"
)

// Type is the type of an array's elements.
type Type uint8

// The types of elements. Computed values are float32, or bfloat16 if a device stores activations so; inputs may be int32,
// sums over all parameters are float64.
const (
	Float32 Type = iota
	Int32
	Float64
	BFloat16
)

// String names the type, for messages.
func (t Type) String() string {
	return [...]string{Float32: "float32", Int32: "int32", Float64: "float64", BFloat16: "bfloat16"}[t]
}

// Bytes returns the size of an element.
func (t Type) Bytes() int { return [...]int{Float32: 4, Int32: 4, Float64: 8, BFloat16: 2}[t] }

// Shape holds the dimensions of a row-major array; a scalar has none.
type Shape []int

// Saved is the shape of an output that an operation saves for its gradient, whose form and size only the device knows that
// computes both.
var Saved = Shape{-1}

// IsSaved reports whether the shape is Saved.
func (s Shape) IsSaved() bool { return len(s) == 1 && s[0] < 0 }

// Elements returns the number of elements, 1 for a scalar.
func (s Shape) Elements() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// String returns, for example, 2x3, or scalar.
func (s Shape) String() string {
	if len(s) == 0 {
		return "scalar"
	}
	text := make([]string, len(s))
	for i, d := range s {
		text[i] = fmt.Sprint(d)
	}
	return strings.Join(text, "x")
}
