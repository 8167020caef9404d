package device

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Profile records the time of each kind of operation over the runs of programs.
type Profile struct {
	// Limits are those of the device; without them, there are no floors.
	Limits Limits

	operations map[string]*operationTime
	flops      int64
	runs       int
	host       time.Duration
}

// Work is what an operation has to do.
type Work struct {
	FLOPs int64 // of matrix products, see [FLOPs]
	Bytes int64 // read and written, see [Traffic]
}

type operationTime struct {
	name  string
	calls int
	total time.Duration
	work  Work
	floor float64 // seconds
}

// NewProfile returns an empty profile.
func NewProfile() *Profile { return &Profile{operations: map[string]*operationTime{}} }

// Add records the time of one operation and its work.
func (p *Profile) Add(name string, elapsed time.Duration, work Work, recomputed bool) {
	t := p.operations[name]
	if t == nil {
		t = &operationTime{name: name}
		p.operations[name] = t
	}
	t.calls++
	t.total += elapsed
	t.work.FLOPs += work.FLOPs
	t.work.Bytes += work.Bytes
	t.floor += p.Limits.Floor(work)
	if !recomputed {
		p.flops += work.FLOPs
	}
}

// AddHost records the time in which the host of an asynchronous device prepared and began a run.
func (p *Profile) AddHost(elapsed time.Duration) {
	p.runs++
	p.host += elapsed
}

// FLOPs returns the number of floating-point operations in all matrix products. Recomputed operations and masked scores do
// not count.
func (p *Profile) FLOPs() int64 { return p.flops }

// Write prints a line for each kind of operation, the slowest first: calls, time and its share, the rate of its matrix
// products if it has any, the rate of its memory, and, if limits are known, the share of the time that it would take at
// least.
func (p *Profile) Write(w io.Writer) error {
	operations := slices.SortedFunc(maps.Values(p.operations), func(a, b *operationTime) int {
		return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(a.name, b.name))
	})
	var all operationTime
	for _, t := range operations {
		all.total += t.total
		all.floor += t.floor
	}
	for _, t := range operations {
		if _, err := fmt.Fprintln(w, p.line(t, all.total)); err != nil {
			return err
		}
	}
	if p.runs == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "%-28s %8d runs  %10.3f s          %.3f s at least; the host took %.0f µs a run to begin them\n",
		"all", p.runs, all.total.Seconds(), all.floor, float64(p.host.Microseconds())/float64(p.runs))
	return err
}

func (p *Profile) line(t *operationTime, all time.Duration) string {
	line := fmt.Sprintf("%-28s %8d calls %10.3f s %6.1f%%", t.name, t.calls, t.total.Seconds(),
		100*t.total.Seconds()/max(all.Seconds(), 1e-9))
	nanoseconds := float64(max(t.total, 1).Nanoseconds())
	products, bytes := strings.Repeat(" ", 17), fmt.Sprintf(" %7.1f GB/s", float64(t.work.Bytes)/nanoseconds)
	if t.work.FLOPs > 0 {
		products = fmt.Sprintf(" %8.1f GFLOP/s", float64(t.work.FLOPs)/nanoseconds)
	}
	line += products + bytes
	if t.floor > 0 {
		line += fmt.Sprintf(" %3.0f%% of it needed", 100*t.floor/t.total.Seconds())
	}
	return line
}
