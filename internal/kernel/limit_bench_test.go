package kernel

import (
	"fmt"
	"testing"
	"time"
)

// productLimit is the limit of the products of a CPU in a precision, measured in turns with what it limits. Other
// programs disturb both alike, so the best of each counts.
type productLimit struct {
	cpu         *CPU
	precision   Precision
	best        float64 // GFLOP/s
	turns, slow int
}

// bestLimits holds the best limit that this process has seen of an instruction set, precision and number of threads.
var bestLimits = map[string]float64{}

// slowPhase is the share of the best limit below which a turn was slow: other programs have the cores, or a neighbour of a
// virtual machine uses the other half of them.
const slowPhase = 0.7

// measure is one turn.
func (l *productLimit) measure() {
	key := fmt.Sprint(l.cpu.Name(), l.precision, l.cpu.Threads())
	limit := 0.0
	for range 3 {
		limit = max(limit, l.cpu.PeakGFLOPS(l.precision, 2*time.Millisecond))
	}
	l.best, bestLimits[key] = max(l.best, limit), max(bestLimits[key], limit)
	l.turns++
	if limit < slowPhase*bestLimits[key] {
		l.slow++
	}
}

// report gives the best rate of the benchmark, in GFLOP/s, its share of the limit, and the share of turns in slow phases, which
// it names if there were any.
func (l *productLimit) report(b *testing.B, rate float64) {
	b.ReportMetric(rate, "GFLOP/s")
	b.ReportMetric(100*rate/l.best, "%limit")
	b.ReportMetric(0, "ns/op") // includes the measurement of the limit
	if l.slow == 0 {
		return
	}
	b.ReportMetric(100*float64(l.slow)/float64(l.turns), "%slow")
	b.Logf("slow phases in %d of %d turns: multiply-adds in registers reached less than %.0f %% of the best rate of this process",
		l.slow, l.turns, 100*slowPhase)
}

// benchmarkProducts reports the rate of so many operations in products in a precision, of the best run.
func benchmarkProducts(b *testing.B, c *CPU, precision Precision, operations float64, run func()) {
	b.ReportAllocs()
	best, limit := 0.0, productLimit{cpu: c, precision: precision}
	for b.Loop() {
		best = max(best, operations/float64(timed(run)))
		limit.measure()
	}
	limit.report(b, best)
}

// precisionName is the name that benchmarks have for a precision.
func precisionName(p Precision) string {
	return [...]string{Float32: "fp32", BFloat16: "bf16", BFloat16x3: "bf16x3", BFloat16x6: "bf16x6"}[p]
}
