package device

import "math"

// Prober is an executable that lets the host look at the results of an instruction, from the function [Run.After] alone. It
// waits for them, so that a run which is probed is slow.
type Prober interface {
	// NotFinite returns where an instruction has written a value that is not finite: the first of its outputs that has one.
	// What only the device knows the form of is left out. Index is negative if all values are finite.
	NotFinite(instruction int) (NotFinite, error)
}

// NotFinite is a value that is not finite.
type NotFinite struct {
	Output int // of the instruction
	Index  int // of the element; negative for none
	Rows   int // size of the first dimension of the output
	Size   int // elements of the output
	Value  float64
}

// FirstNotFinite returns the index of the first value that is not finite; -1 if there is none.
func FirstNotFinite(values []float32) int {
	for i, v := range values {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return i
		}
	}
	return -1
}
