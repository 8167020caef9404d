package corpus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"uer/internal/console"
)

// expand replaces folders and patterns by the files that they hold, in the order of their names. A file or folder whose
// name looks like a pattern is meant itself.
func expand(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		found, err := expandOne(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, errors.New("there is no corpus")
	}
	for i, path := range files {
		if path == "-" && slices.Contains(files[:i], path) {
			return nil, errors.New("standard input can be read only once")
		}
	}
	return files, nil
}

func expandOne(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return filesIn(path)
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(path, `*?[`):
		return []string{path}, nil // opening it says what is wrong
	}
	matches, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var files []string
	for _, match := range matches { // in the order of their names
		if info, err := os.Stat(match); err == nil && info.IsDir() {
			inside, err := filesIn(match)
			if err != nil {
				return nil, err
			}
			files = append(files, inside...)
		} else {
			files = append(files, match)
		}
	}
	if len(files) == 0 {
		return nil, console.Hint(fmt.Errorf("%s: no file matches", path), "* and ? stand for parts of one name, not for folders")
	}
	return files, nil
}

// filesIn lists the files in a folder and its folders. Hidden ones, whose names begin with a dot, are left out.
func filesIn(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != folder && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		}
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			return err // a link to a folder is not followed
		}
		files = append(files, path)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no file in this folder", folder)
	}
	return files, nil
}
