package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"uer/internal/console"
)

// Found is the result of a [Find].
type Found struct {
	Path   string  // of a whole checkpoint
	Prefix string  // Path without the step
	Broken []error // what is wrong with newer checkpoints, newest first
}

// Find returns the checkpoint that a name stands for. If it is the path of a checkpoint, prefix-step or prefix-best, or of one
// that was moved aside, that one must be whole. Otherwise it is a prefix, and the checkpoint of that prefix that was saved last
// and is whole is taken.
func Find(name string) (Found, error) {
	own := strings.TrimSuffix(name, AsidePath(""))
	prefix, _, isCheckpoint := split(own)
	if before, isBest := strings.CutSuffix(own, bestSuffix); isBest {
		prefix, isCheckpoint = before, true
	}
	if isCheckpoint && (exists(StatePath(name)) || exists(name)) {
		err := Verify(name)
		if exists(StatePath(name)) {
			err = console.Hint(err, "--resume "+prefix+" takes the newest checkpoint that is whole")
		}
		return Found{Path: name, Prefix: prefix}, err
	}
	candidates, err := list(name)
	if err != nil {
		return Found{}, err
	}
	found := Found{Prefix: name}
	for _, c := range candidates {
		if c.err == nil {
			c.err = Verify(c.path)
		}
		if c.err == nil {
			found.Path = c.path
			return found, nil
		}
		found.Broken = append(found.Broken, c.err)
	}
	if len(found.Broken) > 0 {
		return found, fmt.Errorf("no checkpoint of %s is whole: %w", name, errors.Join(found.Broken...))
	}
	return found, console.Hint(fmt.Errorf("there is no checkpoint %s, and none of a step of that name", name),
		"name it as --output_model_path does, with or without a dash and the step")
}

// candidate is a checkpoint of a prefix.
type candidate struct {
	path  string
	step  int
	saved int64 // nanoseconds
	run   string
	err   error // why it is not whole
}

// list returns the checkpoints of a prefix, the one that was saved last first. One that cannot be opened comes where its
// step belongs: before all if it is the highest.
func list(prefix string) ([]candidate, error) {
	var whole, broken []candidate
	err := eachStep(prefix, func(step int) {
		c := candidate{path: Path(prefix, step), step: step}
		if !exists(StatePath(c.path)) {
			return
		}
		var f *File
		if f, c.err = Open(c.path); c.err != nil {
			broken = append(broken, c)
			return
		}
		c.saved, c.run = f.Saved.UnixNano(), f.Run
		_ = f.Close() // nothing was written
		whole = append(whole, c)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(whole, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.saved, a.saved), cmp.Compare(b.step, a.step))
	})
	for _, c := range broken {
		at := slices.IndexFunc(whole, func(w candidate) bool { return w.step < c.step })
		if at < 0 {
			at = len(whole)
		}
		whole = slices.Insert(whole, at, c)
	}
	return whole, nil
}

// eachStep calls do for each step of which there is a file prefix-STEP or its state, in ascending order.
func eachStep(prefix string, do func(step int)) error {
	entries, err := os.ReadDir(filepath.Dir(prefix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var steps []int
	for _, e := range entries {
		base, step, isCheckpoint := split(strings.TrimSuffix(e.Name(), stateSuffix))
		if isCheckpoint && base == filepath.Base(prefix) {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	for _, step := range slices.Compact(steps) {
		do(step)
	}
	return nil
}

// split divides the path of a checkpoint into prefix and step.
func split(path string) (prefix string, step int, ok bool) {
	dash := strings.LastIndexByte(path, '-')
	if dash < 0 {
		return path, 0, false
	}
	step, err := strconv.Atoi(path[dash+1:])
	if err != nil || step < 1 || Path(path[:dash], step) != path {
		return path, 0, false
	}
	return path[:dash], step, true
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
