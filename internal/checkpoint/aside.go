package checkpoint

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"

	"uer/internal/durable"
	"uer/internal/statedict"
)

// AsidePath returns where the weights of an earlier run are moved instead of being replaced.
func AsidePath(weights string) string { return weights + ".bak" }

// Replaceable is the rule of what a checkpoint may replace at its path, and its state beside it: a checkpoint of uer. One of
// the two files must be recognised; the other may be damaged.
func Replaceable(weights string) durable.Rule {
	return func(string) error {
		if err := checkOurs(weights, statedict.IsOurs); err == nil {
			return nil
		}
		return checkOurs(StatePath(weights), isState)
	}
}

// isState reports whether a file begins as state files do.
func isState(file io.Reader) bool {
	const start = 1 << 16 // of the header
	head, err := io.ReadAll(io.LimitReader(file, start))
	return err == nil && bytes.Contains(head, []byte(stateFormat))
}

// checkOurs returns an error unless a file is empty or is ours.
func checkOurs(path string, ours func(file io.Reader) bool) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errNotOurs
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Mode().IsRegular() && (info.Size() == 0 || ours(file)) {
		return err
	}
	return errNotOurs
}

var errNotOurs = errors.New("not a checkpoint of uer")

// Existing returns the steps from 1 to last of which there is a file prefix-STEP or its state.
func Existing(prefix string, last int) (steps []int, err error) {
	err = eachStep(prefix, func(step int) {
		if step <= last {
			steps = append(steps, step)
		}
	})
	return steps, err
}

// CheckAside returns an error unless the checkpoint at a path, as far as there is one, can be moved aside: it and what it
// would replace there are checkpoints of uer.
func CheckAside(weights string) error {
	for _, path := range []string{weights, StatePath(weights)} {
		if exists(path) {
			if err := durable.Check(path, Replaceable(weights)); err != nil {
				return err
			}
		}
	}
	// What is replaced is lost, and so must be recognised itself.
	aside := AsidePath(weights)
	for path, ours := range map[string]func(io.Reader) bool{aside: statedict.IsOurs, StatePath(aside): isState} {
		if exists(path) {
			if err := durable.Check(path, func(string) error { return checkOurs(path, ours) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveAside moves the weights at a path, if there are any, and their state to AsidePath, where they replace those of an
// earlier time. It reports whether there were any.
//
// A state is never beside weights that it does not belong to: the old one goes first, and the weights are moved before
// their own. If that is interrupted, the next call moves the state.
func moveAside(weights string) (moved bool, err error) {
	if err := CheckAside(weights); err != nil {
		return false, err
	}
	aside := AsidePath(weights)
	if exists(weights) {
		if err := durable.Remove(StatePath(aside)); err != nil {
			return false, err
		}
		if err := durable.Rename(weights, aside); err != nil {
			return false, err
		}
		moved = true
	}
	if !exists(StatePath(weights)) {
		return moved, nil
	}
	return true, durable.Rename(StatePath(weights), StatePath(aside))
}

// isOf reports whether the checkpoint at a path is of a training.
func isOf(path, run string) bool {
	f, err := Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return run != "" && f.Run == run
}

// clear makes room for new weights, which are on disk under a temporary name, and their state. Old ones are moved aside,
// unless they are the same or may be overwritten. It reports whether they were moved.
func clear(path string, weights *durable.File, overwrite bool) (moved bool, err error) {
	same, err := weights.SameAs(path)
	switch {
	case same:
		return false, nil // also the old state belongs to the new weights
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	case overwrite && checkOurs(path, statedict.IsOurs) == nil:
		return false, durable.Remove(StatePath(path)) // before the weights that it belongs to
	}
	return moveAside(path)
}
