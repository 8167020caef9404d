//go:build unix

package workers

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkIdle measures what waiting costs: the processor time of a job with the work before it, beside that of the work
// alone, and the time that passes. "ranks" pools of two threads compute jobs of eight equal tiles at the same time; between
// two jobs a caller computes or, as it does for data or for other ranks, sleeps.
func BenchmarkIdle(b *testing.B) {
	for _, ranks := range []int{1, 2} {
		for _, tile := range []time.Duration{5 * time.Microsecond, 200 * time.Microsecond} {
			for _, pause := range []struct {
				name        string
				work, sleep time.Duration
			}{{"no pause", 0, 0}, {"20µs of work", 20 * time.Microsecond, 0}, {"1ms of sleep", 0, time.Millisecond}} {
				b.Run(fmt.Sprintf("ranks=%d/tile=%v/%s", ranks, tile, pause.name), func(b *testing.B) {
					benchmarkIdle(b, ranks, tile, pause.work, pause.sleep)
				})
			}
		}
	}
}

func benchmarkIdle(b *testing.B, ranks int, tile, work, sleep time.Duration) {
	const tiles = 8
	pools := make([]*Pool, ranks)
	for i := range pools {
		pools[i] = newPool(b, 2)
	}
	turns := turnsIn(time.Microsecond)
	body := func(_, _ int) { turn(turns * int(tile/time.Microsecond)) }
	used := processorTime(b)
	began := time.Now()
	var done sync.WaitGroup
	for _, pool := range pools {
		done.Go(func() {
			for range b.N {
				turn(turns * int(work/time.Microsecond))
				time.Sleep(sleep)
				pool.Run(tiles, body)
			}
		})
	}
	done.Wait()
	rounds := float64(b.N * ranks)
	needed := float64(work+tiles*tile) / 1e3
	b.ReportMetric(float64(time.Since(began).Microseconds())/float64(b.N), "µs/job")
	b.ReportMetric(float64(processorTime(b)-used)/1e3/rounds-needed, "waste-µs/job")
	b.ReportMetric(0, "ns/op")
}

var sink float64

// turn computes for a time that depends on n alone.
func turn(n int) {
	x := 1.0
	for range n {
		x = x*0.999 + 0.001
	}
	if x == 0 {
		sink = x
	}
}

// turnsIn is how many turns take so much processor time.
func turnsIn(d time.Duration) int {
	const n = 1 << 14
	best := time.Hour
	for range 200 {
		start := time.Now()
		turn(n)
		best = min(best, time.Since(start))
	}
	return int(float64(n) * float64(d) / float64(best))
}

// processorTime is what the process has used so far.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
