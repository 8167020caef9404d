package console

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// Output is a stream that never fails its writers: once it cannot be written, because its reader has gone or its disk is
// full, what is written is dropped, so that a lost reader ends no training. Err says so afterwards. It is safe for
// concurrent use.
type Output struct {
	name string
	w    io.Writer

	mu  sync.Mutex
	err error
}

// NewOutput returns an output that writes to w, under a name for errors.
func NewOutput(name string, w io.Writer) *Output { return &Output{name: name, w: w} }

// Write writes, or drops, all of data. It never returns an error.
func (o *Output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		_, o.err = o.w.Write(data)
	}
	return len(data), nil
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

// OutputError means that a part of the output of a command was lost. If the reader has gone away, the exit code is that
// of a process killed by SIGPIPE.
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

func (e OutputError) exitCode() int {
	if errors.Is(e.Err, syscall.EPIPE) {
		return 128 + int(syscall.SIGPIPE)
	}
	return ExitFailed
}
