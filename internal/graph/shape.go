package graph

import (
	"fmt"
	"strings"
)

// Type is the type of a buffer's elements.
type Type uint8

// The types that buffers have: computed values are float32, inputs may be int32.
const (
	Float32 Type = iota
	Int32
)

// Shape lists the dimensions of a row-major buffer; none for a scalar.
type Shape []int

// Elements is the number of elements, 1 for a scalar.
func (s Shape) Elements() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// String writes 2x3, or scalar.
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

// Buffer is a row-major value in memory: Floats or Integers, by its type. An output that nobody reads has neither.
type Buffer struct {
	Shape    Shape
	Floats   []float32
	Integers []int32
}

// Wanted tells whether anybody reads an output.
func (b Buffer) Wanted() bool { return b.Floats != nil }
