package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"uer/internal/durable"
	"uer/internal/statedict"
)

// StatePath returns the path of the state that belongs to the weights at a path.
func StatePath(weights string) string { return weights + ".state" }

// AsidePath returns where the weights of an earlier run are moved instead of being replaced.
func AsidePath(weights string) string { return weights + ".bak" }

// Replaceable is the rule of checkpoints: they replace nothing but checkpoints of uer.
func Replaceable(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, errors.New("not a file"))
	}
	if !statedict.IsOurs(file) {
		return errors.New("not a checkpoint of uer")
	}
	return nil
}

// Existing returns the steps from 1 to last of which there is a file prefix-STEP or its state, in ascending order.
func Existing(prefix string, last int) ([]int, error) {
	folder, base := filepath.Split(prefix)
	entries, err := os.ReadDir(filepath.Clean(folder + "."))
	if err != nil {
		return nil, fmt.Errorf("look for checkpoints of %s: %w", prefix, err)
	}
	var steps []int
	for _, entry := range entries {
		name, _ := strings.CutSuffix(entry.Name(), StatePath(""))
		number, found := strings.CutPrefix(name, base+"-")
		step, err := strconv.Atoi(number)
		if found && err == nil && step >= 1 && step <= last && number == strconv.Itoa(step) {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	return slices.Compact(steps), nil
}

// CheckAside returns an error unless the checkpoint at a path, if there is one, can be moved aside: it and what it would
// replace there are checkpoints of uer.
func CheckAside(weights string) error {
	for _, path := range []string{weights, AsidePath(weights)} {
		if _, err := os.Lstat(path); err == nil {
			if err := durable.Check(path, Replaceable); err != nil {
				return err
			}
		}
	}
	return nil
}

// MoveAside moves the weights at a path, if there are any, and their state to AsidePath, where they replace those of an
// earlier time. It reports whether there were any.
//
// A state is never beside weights that it does not belong to: the old one goes first, and the weights are moved before
// their own. If that is interrupted, the next call moves the state.
func MoveAside(weights string) (moved bool, err error) {
	aside := AsidePath(weights)
	if _, err := os.Lstat(weights); err == nil {
		if err := CheckAside(weights); err != nil {
			return false, err
		}
		if err := durable.Remove(StatePath(aside)); err != nil {
			return false, err
		}
		if err := durable.Rename(weights, aside); err != nil {
			return false, err
		}
		moved = true
	}
	if _, err := os.Lstat(StatePath(weights)); errors.Is(err, fs.ErrNotExist) {
		return moved, nil
	}
	return true, durable.Rename(StatePath(weights), StatePath(aside))
}
