package console

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	eastasian "golang.org/x/text/width"
)

const (
	// patience is how long something takes before the terminal shows how far it has got.
	patience = 500 * time.Millisecond
	// terminalInterval is the time between two states of a status line.
	terminalInterval = 100 * time.Millisecond
	// silence is after how long without a line something is said where there is no terminal.
	silence = 10 * time.Second
)

// A Status is a line that shows how far a command has got. On a terminal it is rewritten in place, and goes away when what it
// describes is done; elsewhere it is a line of its own with the time, whenever nothing was written for ten seconds. What is
// described is asked for by a goroutine, so that it costs nothing where it is computed. It is safe for concurrent use.
type Status struct {
	out *Output

	mu       sync.Mutex
	shown    []*phase
	ended    chan struct{} // closed to end the goroutine; nil while there is none
	finished chan struct{} // closed when it has ended

	said  string // what the goroutine wrote last where there is no terminal
	ticks func(time.Duration) (<-chan time.Time, func())
	now   func() time.Time
}

// phase is something that takes a while.
type phase struct {
	describe func() string
	began    time.Time
}

// NewStatus returns a status line that is written to w, usually an [Output] of [NewOutputs].
func NewStatus(w io.Writer) *Status {
	out, ok := w.(*Output)
	if !ok {
		out, _ = NewOutputs(w, w)
	}
	return &Status{out: out, now: time.Now, ticks: func(interval time.Duration) (<-chan time.Time, func()) {
		ticker := time.NewTicker(interval)
		return ticker.C, ticker.Stop
	}}
}

// Show shows what describe returns, with the most important fields first and two spaces between fields, until the returned
// function is called. describe is called by another goroutine, never by two at once. While something else is shown, that one
// waits.
func (s *Status) Show(describe func() string) (end func()) {
	p := &phase{describe, s.now()}
	s.mu.Lock()
	s.shown = append(s.shown, p)
	if s.ended == nil {
		s.said, s.ended, s.finished = "", make(chan struct{}), make(chan struct{})
		go s.run(s.ended, s.finished)
	}
	s.mu.Unlock()
	var once sync.Once
	return func() { once.Do(func() { s.end(p) }) }
}

// ShowTime shows a label and a text, and for how long already, until the returned function is called.
func (s *Status) ShowTime(label, text string) (end func()) {
	began := s.now()
	return s.Show(func() string { return fmt.Sprintf("%-8s %s  %s", label, text, Duration(s.now().Sub(began))) })
}

// end ends a phase, and the goroutine after the last one.
func (s *Status) end(p *phase) {
	s.mu.Lock()
	last := -1
	for i, other := range s.shown {
		if other == p {
			last = i
		}
	}
	s.shown = append(s.shown[:last], s.shown[last+1:]...)
	var finished chan struct{}
	if len(s.shown) == 0 {
		close(s.ended)
		s.ended, finished = nil, s.finished
	}
	s.mu.Unlock()
	if finished != nil {
		<-finished
	}
}

// run shows the latest phase at intervals.
func (s *Status) run(ended, finished chan struct{}) {
	defer close(finished)
	interval := time.Second
	screen := s.out.screen
	if screen != nil {
		interval = terminalInterval
		defer clearsWhenSuspended(screen)()
		defer screen.show("")
	}
	ticks, stop := s.ticks(interval)
	defer stop()
	for {
		select {
		case <-ended:
			return
		case <-ticks:
			s.update()
		}
	}
}

// update shows the state of the latest phase.
func (s *Status) update() {
	text, ready := s.describe()
	switch {
	case !ready:
	case s.out.screen != nil:
		s.out.screen.show(text)
	case text != s.said && s.now().Sub(s.out.spoke()) >= silence:
		s.said = text
		fmt.Fprintf(s.out, "%s %s\n", s.now().Format(time.TimeOnly), text)
	}
}

// describe describes the latest phase, if it takes long enough.
func (s *Status) describe() (text string, ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.shown) == 0 {
		return "", false
	}
	p := s.shown[len(s.shown)-1]
	if s.now().Sub(p.began) < patience {
		return "", false
	}
	return p.describe(), true
}

// cut truncates a status line to a number of columns, at the end of a field if one fits.
func cut(text string, columns int) string {
	if width(text) <= columns {
		return text
	}
	used := 0
	for i, r := range text {
		if used += runeWidth(r); used > columns {
			if end := strings.LastIndex(text[:min(i+2, len(text))], "  "); end >= columns/2 {
				return text[:end]
			}
			return text[:i]
		}
	}
	return text
}

// width returns the number of columns that a text takes, without the sequences that set colours.
func width(text string) int {
	columns, colour := 0, false
	for _, r := range text {
		switch {
		case r == '\x1b':
			colour = true
		case !colour:
			columns += runeWidth(r)
		case r == 'm':
			colour = false
		}
	}
	return columns
}

// runeWidth returns the number of columns of a character: a wide one, such as a Chinese one, takes two.
func runeWidth(r rune) int {
	if r >= utf8.RuneSelf {
		if kind := eastasian.LookupRune(r).Kind(); kind == eastasian.EastAsianWide || kind == eastasian.EastAsianFullwidth {
			return 2
		}
	}
	return 1
}
