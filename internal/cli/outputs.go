package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"uer/internal/console"
	"uer/internal/durable"
)

// input is a file that a command reads, and the flag that names it.
type input struct{ flag, path string }

// checkInputs rejects an output that is one of the inputs.
func checkInputs(flag, output string, inputs []input) error {
	there, err := os.Stat(output)
	if err != nil {
		return nil // there is nothing to replace
	}
	for _, in := range inputs {
		if here, err := os.Stat(in.path); err == nil && os.SameFile(here, there) {
			return console.UsageError{Err: fmt.Errorf("%s %s would replace the input %s %s", flag, output, in.flag, in.path)}
		}
	}
	return nil
}

// checkOutput rejects the path of an output that names no file, or whose folder is missing.
func checkOutput(flag, path string) error {
	if name := filepath.Base(path); path == "" || strings.HasSuffix(path, "/") || name == "." || name == ".." {
		return console.UsageError{Err: fmt.Errorf("%s %s: the name of a file is missing", flag, path)}
	}
	return adviseOutput(flag, durable.CheckFolder(path))
}

// lockOutput keeps other processes from the output that a flag names, and removes what dead runs left there.
func lockOutput(flag, path string, status io.Writer) (*durable.Lock, error) {
	if err := checkOutput(flag, path); err != nil {
		return nil, err
	}
	lock, err := durable.Acquire(path)
	if err != nil {
		return nil, adviseOutput(flag, err)
	}
	if n := len(lock.Removed); n > 0 {
		fmt.Fprintf(status, "Removed  %s, left by a run that was killed\n", some(lock.Removed))
	}
	return lock, nil
}

// adviseOutput adds to the error of an output what to do about it.
func adviseOutput(flag string, err error) error {
	var missing *durable.MissingFolderError
	var locked *durable.LockedError
	var occupied *durable.OccupiedError
	switch {
	case errors.As(err, &missing):
		return console.Hint(err, "make the folder first: mkdir -p "+missing.Folder)
	case errors.As(err, &locked):
		return console.Hint(err, "wait until it has ended, or choose another "+flag)
	case errors.As(err, &occupied):
		return console.Hint(err, "choose another "+flag+", or move the file away")
	case errors.Is(err, fs.ErrPermission):
		return console.Hint(err, "choose another "+flag+", in a folder that you may write to")
	}
	return err
}

// locks are those of a command with several outputs.
type locks []*durable.Lock

func (l locks) release() {
	for _, lock := range l {
		lock.Release()
	}
}
