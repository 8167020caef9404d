package collective

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestMeetings simulates trainings of several processes with one fault each, on a slow network. Each ends in success, or in
// one error that all get and that names the rank at fault, soon after it.
func TestMeetings(t *testing.T) {
	seeds := 10000
	if testing.Short() {
		seeds = 300
	}
	count := map[string]int{}
	for seed := range uint64(seeds) {
		s := newSimulation(seed)
		synctest.Test(t, func(t *testing.T) { s.run() })
		ended, problems := s.judge()
		if problems != nil {
			t.Fatalf("seed %d: %v of process %d of %d, at %v:\n%s\n%s", seed, s.fault, s.victim, len(s.processes), s.when,
				strings.Join(problems, "\n"), s)
		}
		count[fmt.Sprintf("%v: %s", s.fault, ended)]++
	}
	t.Log(count)
	for f := range faults {
		if f != none && count[f.String()+": failed"] == 0 && f != restart {
			t.Errorf("%v never ended a training", f)
		}
		if count[f.String()+": trained"] == 0 && f != absence && f != stranger {
			t.Errorf("%v always ended the training", f)
		}
	}
}

func (s *simulation) String() string {
	var b strings.Builder
	for i, o := range s.results {
		fmt.Fprintf(&b, "process %d, dead %v: %+v\n", i, s.dead[i], o)
	}
	return b.String()
}

// judge says how a simulation ended, and what is wrong with that.
func (s *simulation) judge() (ended string, problems []string) {
	wrong := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	last := len(s.processes) // the second of a duplicate
	extra := s.fault == duplicate || s.fault == restart
	want := s.steps * (s.steps + 1) / 2 * last
	ranks := s.processes[s.victim]
	atZero := ranks[0] == 0
	trained, failed := 0, 0
	for i, o := range s.results {
		if s.dead[i] || i == last && !extra {
			continue
		}
		if o.err == nil {
			trained++
			if o.sum != want && s.fault != duplicate && s.fault != restart {
				wrong("process %d: the votes sum to %d, not %d", i, o.sum, want)
			}
			continue
		}
		if extra && (i == last || i == s.victim) && trained+1 >= last { // one of two is enough
			continue
		}
		failed++
	}
	var named *Failure
	for i, o := range s.results {
		if s.dead[i] || o.err == nil || i == last && !extra {
			continue
		}
		var f *Failure
		if !errors.As(o.err, &f) {
			// It has not met the others, or found its place taken.
			if strings.Contains(o.err.Error(), "did not answer") && (atZero || i == last || !o.joined) || errors.Is(o.err, os.ErrExist) && extra {
				continue
			}
			wrong("process %d: %v", i, o.err)
			continue
		}
		if err := s.blames(f, i); err != nil {
			wrong("process %d: %v: %v", i, f, err)
		}
		if named == nil && !atZero {
			named = f
		}
		if named != nil && *f != *named && s.fault != cutOff {
			wrong("process %d: %v, but others: %v", i, f, named)
		}
		if late := o.ended.Sub(s.happened); !f.Late && !s.happened.IsZero() && late > s.limit() {
			wrong("process %d ended %v after the %v", i, late, s.fault)
		}
	}
	switch {
	case failed == 0:
		return "trained", problems
	case s.fault == none:
		wrong("nothing happened, but %d failed", failed)
	case trained > 0 && !atZero && s.fault != cutOff && s.fault != duplicate:
		wrong("%d trained, %d failed", trained, failed)
	}
	return "failed", problems
}

// blames checks that a failure names the rank at fault.
func (s *simulation) blames(f *Failure, process int) error {
	ranks := s.processes[s.victim]
	atZero := ranks[0] == 0
	text := map[fault]string{
		death: "its connection ended", restart: "its connection ended", cutOff: "nothing was heard of it", abortion: "no more data",
		hang: "in data of step", stranger: "the dataset is", duplicate: "is started twice", absence: "missing " + FormatRanks(ranks),
	}[s.fault]
	again := s.fault == duplicate || s.fault == restart
	switch {
	case f.Late && again && (process == s.victim || process == len(s.processes)): // the others have gone
		return nil
	case f.Late && (s.fault == death || s.fault == absence || s.fault == cutOff): // before the start
		if !strings.Contains(f.Text, FormatRanks(ranks)) && !atZero {
			return fmt.Errorf("should name ranks %v", ranks)
		}
		return nil
	case !strings.Contains(f.Text, text):
		return fmt.Errorf("should contain %q", text)
	case s.fault == stranger && atZero: // all others differ from it
		return nil
	case s.fault == duplicate:
		return nil
	case s.fault == cutOff && process == s.victim && (f.Rank == 0 || atZero): // as the lost one sees it
		return nil
	case !slices.Contains(ranks, f.Rank):
		return fmt.Errorf("should name one of the ranks %v", ranks)
	}
	return nil
}

// limit is how long after a fault all processes may take to end. A process notices when it next waits for the others.
func (s *simulation) limit() time.Duration {
	const work, delay = 5 * time.Second, time.Second
	switch s.fault {
	case cutOff:
		return work + delay + silenceLimit + 2*beatInterval
	case hang:
		return work + delay + timeout + 2*beatInterval
	}
	return work + delay + beatInterval
}
