package cpu

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Profile gathers the time of each kind of operation over the runs of an executor.
type Profile struct {
	operations map[string]*operationTime
}

type operationTime struct {
	name  string
	calls int
	total time.Duration
	work  int64 // floating-point operations of products
}

// NewProfile is an empty profile.
func NewProfile() *Profile { return &Profile{operations: map[string]*operationTime{}} }

func (p *Profile) add(name string, elapsed time.Duration, work int64) {
	t := p.operations[name]
	if t == nil {
		t = &operationTime{name: name}
		p.operations[name] = t
	}
	t.calls++
	t.total += elapsed
	t.work += work
}

// Write prints a line for each kind of operation, the longest first; with matrix products also their speed.
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
		if t.work > 0 {
			line += fmt.Sprintf(" %8.1f GFLOP/s", float64(t.work)/float64(max(t.total, 1).Nanoseconds()))
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
