package console

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"
)

// Output is a stream that never fails its writers: once it cannot be written, because its reader has gone or its disk is
// full, what is written is dropped, so that a lost reader ends no training. Err says so afterwards. On a terminal, lines that
// are too wide are folded, and a status line stays below what is written. It is safe for concurrent use.
type Output struct {
	name   string
	w      io.Writer
	screen *screen // nil if w is not a terminal
	other  *Output // the other stream of the command

	mu   sync.Mutex
	err  error
	last time.Time // of the last write, or when it was opened
}

// NewOutputs returns the standard output and the standard error of a command, which write to two streams.
func NewOutputs(stdout, stderr io.Writer) (out, talk *Output) {
	out = &Output{name: "standard output", w: stdout, last: time.Now()}
	talk = &Output{name: "standard error", w: stderr, last: time.Now()}
	out.other, talk.other = talk, out
	if file := terminal(stderr); file != nil {
		talk.screen = &screen{file: file}
	}
	if file := terminal(stdout); file != nil {
		if out.screen = talk.screen; out.screen == nil {
			out.screen = &screen{file: file}
		}
	}
	return out, talk
}

// Write writes, or drops, all of data. It never returns an error.
func (o *Output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = time.Now()
	switch {
	case o.err != nil:
	case o.screen != nil:
		o.err = o.screen.write(o.w, data)
	default:
		_, o.err = o.w.Write(data)
	}
	return len(data), nil
}

// spoke returns when the command wrote last, to either of its streams.
func (o *Output) spoke() time.Time {
	last := o.lastWrite()
	if other := o.other.lastWrite(); other.After(last) {
		return other
	}
	return last
}

func (o *Output) lastWrite() time.Time {
	if !o.mu.TryLock() {
		return time.Now() // it is being written
	}
	defer o.mu.Unlock()
	return o.last
}

// Err returns an [OutputError] if something was dropped.
func (o *Output) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return nil
	}
	return OutputError{o.name, o.err}
}

// OutputError means that a part of the output of a command was lost. If the reader has gone away, as head does when it has
// seen enough, that is not worth a word, and the exit code is that of a process killed by SIGPIPE.
type OutputError struct {
	Name string
	Err  error
}

func (e OutputError) Error() string {
	err := e.Err
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno
	}
	return fmt.Sprintf("%s could not be written (%v); what came after that is lost", e.Name, err)
}

func (e OutputError) Unwrap() error { return e.Err }

// readerGone reports whether nobody reads the output any more.
func (e OutputError) readerGone() bool { return errors.Is(e.Err, syscall.EPIPE) }
