package device

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Profile records the time of each kind of operation over the runs of programs.
type Profile struct {
	operations map[string]*operationTime
	flops      int64
}

type operationTime struct {
	name  string
	calls int
	total time.Duration
	flops int64 // of matrix products
}

// NewProfile returns an empty profile.
func NewProfile() *Profile { return &Profile{operations: map[string]*operationTime{}} }

// Add records the time of one operation and the floating-point operations of its matrix products.
func (p *Profile) Add(name string, elapsed time.Duration, flops int64, recomputed bool) {
	t := p.operations[name]
	if t == nil {
		t = &operationTime{name: name}
		p.operations[name] = t
	}
	t.calls++
	t.total += elapsed
	t.flops += flops
	if !recomputed {
		p.flops += flops
	}
}

// FLOPs returns the number of floating-point operations in all matrix products. Recomputed operations and masked scores do
// not count.
func (p *Profile) FLOPs() int64 { return p.flops }

// Write prints a line for each kind of operation, the slowest first, with the speed of its matrix products if it has any.
func (p *Profile) Write(w io.Writer) error {
	operations := slices.SortedFunc(maps.Values(p.operations), func(a, b *operationTime) int {
		return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(a.name, b.name))
	})
	var all time.Duration
	for _, t := range operations {
		all += t.total
	}
	for _, t := range operations {
		line := fmt.Sprintf("%-28s %8d calls %10.3f s %6.1f%%", t.name, t.calls, t.total.Seconds(),
			100*t.total.Seconds()/max(all.Seconds(), 1e-9))
		if t.flops > 0 {
			line += fmt.Sprintf(" %8.1f GFLOP/s", float64(t.flops)/float64(max(t.total, 1).Nanoseconds()))
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
