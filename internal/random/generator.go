package random

// Generator draws random numbers. Code that takes one can draw UER-py's numbers, from a [Python], or our own, from a
// [Stream]. It is not safe for concurrent use.
type Generator interface {
	// Float64 returns a number in [0, 1).
	Float64() float64
	// Below returns a number from 0 to n-1. It panics if n is not positive.
	Below(n int) int
	// Between returns a number from a to b inclusive.
	Between(a, b int) int
	// Shuffle permutes n elements; swap exchanges elements i and j.
	Shuffle(n int, swap func(i, j int))
}
