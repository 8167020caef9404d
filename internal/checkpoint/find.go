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

// Find returns the checkpoint that a name stands for. If it is the path of a checkpoint, prefix-step or prefix-best, that
// one must be whole. Otherwise it is a prefix, and the checkpoint of that prefix that was saved last and is whole is taken.
func Find(name string) (Found, error) {
	prefix, _, isCheckpoint := split(name)
	if before, isBest := strings.CutSuffix(name, bestSuffix); isBest {
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
	err   error // why it is not whole
}

// list returns the checkpoints of a prefix, the one that was saved last first. One that cannot be opened comes where its
// step belongs: before all if it is the highest.
func list(prefix string) ([]candidate, error) {
	entries, err := os.ReadDir(filepath.Dir(prefix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var whole, broken []candidate
	for _, e := range entries {
		name, isState := strings.CutSuffix(e.Name(), stateSuffix)
		base, step, isCheckpoint := split(name)
		if !isState || !isCheckpoint || base != filepath.Base(prefix) {
			continue
		}
		c := candidate{path: Path(prefix, step), step: step}
		var f *File
		if f, c.err = Open(c.path); c.err != nil {
			broken = append(broken, c)
			continue
		}
		c.saved = f.Saved.UnixNano()
		_ = f.Close() // nothing was written
		whole = append(whole, c)
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
