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

// A Status is a line that shows how far a command has got. On a terminal it is rewritten in place; elsewhere each
// update is a line of its own with the time, at most one every ten seconds. It is safe for concurrent use.
type Status struct {
	mu       sync.Mutex
	w        io.Writer
	terminal *os.File // nil if w is not a terminal
	interval time.Duration
	last     time.Time
	shown    bool // an unfinished line is on the terminal
	now      func() time.Time
}

// NewStatus returns a status line that is written to w.
func NewStatus(w io.Writer) *Status {
	s := &Status{w: w, terminal: terminal(w), now: time.Now}
	if s.terminal != nil {
		s.interval = terminalInterval
	} else {
		// A command that finishes before the first interval is over shows no progress.
		s.interval = plainInterval
		s.last = s.now()
	}
	return s
}

// Update shows text, unless the line changed only a moment ago.
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

// Done replaces the status line with text, or clears it if text is empty. A later Update starts a new line.
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

// cut truncates text to a number of terminal columns; a wide character, such as a Chinese one, takes two.
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
