// Package console is how uer talks to the person at the terminal: errors with hints, exit codes, a status line, and
// signals.
//
// A package that knows what to do about an error attaches it with [Hint]; [Report] prints both and chooses the
// exit code. [Count], [Bytes] and [Duration] format figures the same way everywhere. Colours and in-place updates are
// used only on a terminal, and respect NO_COLOR, CLICOLOR_FORCE and TERM=dumb.
package console

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
)

// Exit codes of uer. A command stopped by a signal exits with 128 plus the signal's number.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2
)

// A UsageError means that the command line is wrong, as opposed to the command having failed.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }
func (e UsageError) Unwrap() error { return e.Err }

type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// Hint attaches advice to err: what the user can do about it. [Report] prints it below the error. A nil error stays
// nil.
func Hint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return hinted{err, hint}
}

// Report prints err and its outermost hint to w and returns the exit code of the program. A nil error prints nothing.
func Report(w io.Writer, err error) int {
	if err == nil {
		return ExitDone
	}
	var output OutputError
	if errors.As(err, &output) && output.readerGone() {
		return 128 + int(syscall.SIGPIPE)
	}
	red, cyan, reset := "", "", ""
	if colored(w) {
		red, cyan, reset = "\x1b[1;31m", "\x1b[36m", "\x1b[0m"
	}
	var stopped Stopped
	if errors.As(err, &stopped) {
		fmt.Fprintf(w, "uer: %s\n", indent(err.Error()))
		return stopped.exitCode()
	}
	fmt.Fprintf(w, "uer: %serror:%s %s\n", red, reset, indent(err.Error()))
	var hint hinted
	if errors.As(err, &hint) {
		fmt.Fprintf(w, "     %shint:%s %s\n", cyan, reset, indent(hint.hint))
	}
	var usage UsageError
	if errors.As(err, &usage) {
		return ExitUsage
	}
	return ExitFailed
}

// indent aligns all lines of text with the first.
func indent(text string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n     ")
}
