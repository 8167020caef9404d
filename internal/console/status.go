package console

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

const (
	terminalInterval = 100 * time.Millisecond
	plainInterval    = 10 * time.Second
)

// A Status is one line that says how far a command has come. On a terminal it is rewritten in place; elsewhere it
// becomes a line with the time, at most one every ten seconds. Its methods may be called from several goroutines.
type Status struct {
	mu       sync.Mutex
	w        io.Writer
	terminal *os.File // nil if w is not a terminal
	interval time.Duration
	last     time.Time
	shown    bool // an unfinished line is on the terminal
	now      func() time.Time
}

// NewStatus makes a status line on w.
func NewStatus(w io.Writer) *Status {
	s := &Status{w: w, terminal: terminal(w), now: time.Now}
	if s.terminal != nil {
		s.interval = terminalInterval
	} else {
		// A command that is over sooner needs no line about its progress.
		s.interval = plainInterval
		s.last = s.now()
	}
	return s
}

// Update shows text, unless the line has just been changed.
func (s *Status) Update(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Sub(s.last) < s.interval {
		return
	}
	s.last = now
	if s.terminal == nil {
		fmt.Fprintf(s.w, "%s %s\n", now.Format(time.TimeOnly), text)
		return
	}
	if columns, _, err := term.GetSize(int(s.terminal.Fd())); err == nil {
		text = cut(text, columns-1)
	}
	fmt.Fprintf(s.w, "\r%s\x1b[K", text)
	s.shown = true
}

// Done replaces the status line by text, or clears it if text is empty. A later Update starts a new line.
func (s *Status) Done(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.shown = false
	}
	if s.terminal != nil {
		s.last = time.Time{}
	}
	if text != "" {
		fmt.Fprintln(s.w, strings.TrimRight(text, "\n"))
	}
}

// cut shortens text to a number of terminal columns; Chinese characters take two.
func cut(text string, columns int) string {
	used := 0
	for i, r := range text {
		used++
		if r >= utf8.RuneSelf {
			if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
				used++
			}
		}
		if used > columns {
			return text[:i]
		}
	}
	return text
}
