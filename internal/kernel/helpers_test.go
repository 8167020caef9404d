package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// testedSets are the instruction sets to test: all, or in short mode the best and the portable one.
func testedSets() []string {
	sets := InstructionSets()
	if n := len(sets); testing.Short() && n > 2 {
		return []string{sets[0], sets[n-1]}
	}
	return sets
}

// testedThreads are the numbers of threads whose results are compared with those of one.
func testedThreads() []int {
	if testing.Short() {
		return []int{3}
	}
	return []int{2, 5}
}

// requireSame runs an operation with every instruction set. The outputs must be within tolerance of the portable
// routines' (as requireNear has it), and have the same bits for any number of threads.
func requireSame(t *testing.T, tolerance float64, run func(c *CPU) [][]float32) {
	t.Helper()
	want := run(newTestCPU(t, "portable", 1))
	for _, set := range testedSets() {
		first := run(newTestCPU(t, set, 1))
		for i := range want {
			requireNear(t, fmt.Sprintf("%s: output %d", set, i), first[i], float64s(want[i]), tolerance)
		}
		for _, threads := range testedThreads() {
			for i, got := range run(newTestCPU(t, set, threads)) {
				if !slices.EqualFunc(got, first[i], sameBits) {
					t.Errorf("%s: output %d with %d threads differs from that with one", set, i, threads)
				}
			}
		}
	}
}

func sameBits(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// random returns normally distributed numbers that depend on the seed and their count.
func random(seed uint64, n int) []float32 { return normal(rand.New(rand.NewPCG(seed, uint64(n))), n) }

// counting is first, first+1, ...
func counting(first int32, n int) []int32 {
	x := make([]int32, n)
	for i := range x {
		x[i] = first + int32(i)
	}
	return x
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// weighted is Σ a b.
func weighted(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// requireGradient compares the gradient of a loss with respect to x with central differences, at up to 50 elements.
func requireGradient(t *testing.T, name string, x, gradient []float32, loss func() float64) {
	t.Helper()
	const step = 1e-2
	for i := 0; i < len(x); i += max(1, len(x)/50) {
		before := x[i]
		x[i] = before + step
		up, reached := loss(), x[i]
		x[i] = before - step
		slope := (up - loss()) / float64(reached-x[i])
		x[i] = before
		if got := float64(gradient[i]); math.Abs(got-slope) > 2e-3*max(1, math.Abs(slope)) {
			t.Errorf("%s: gradient of element %d is %v, finite difference %v", name, i, got, slope)
		}
	}
}

// eachSet measures an operation that moves a number of bytes on every instruction set. It reports the best run, since other
// programs disturb the rest, and its share of the rate at which the same threads copy as many bytes in turns with it: more than
// 100 where less is written than read.
func eachSet(b *testing.B, bytes int, run func(c *CPU)) {
	from, to := Allocate(bytes/8), Allocate(bytes/8)
	for _, set := range InstructionSets() {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", set, threads), func(b *testing.B) {
				c := newTestCPU(b, set, threads)
				b.ReportAllocs()
				copies := func() { c.overElements(len(to), func(i, j int) { copy(to[i:j], from[i:j]) }) }
				run(c) // touches the memory
				copies()
				best, limit := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
				for b.Loop() {
					best, limit = min(best, timed(func() { run(c) })), min(limit, timed(copies))
				}
				b.ReportMetric(float64(bytes)/float64(best), "GB/s")
				b.ReportMetric(100*float64(limit)/float64(best), "%copy")
				b.ReportMetric(0, "ns/op") // includes the copies
			})
		}
	}
}

func timed(run func()) time.Duration {
	start := time.Now()
	run()
	return time.Since(start)
}
