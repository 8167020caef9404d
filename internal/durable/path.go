package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A Rule says whether an existing regular file may be replaced: it returns nil if so, and otherwise what the file is
// not, such as an error "not a dataset". The nil Rule lets no file be replaced.
type Rule func(path string) error

// Replaceable is the rule of files that may always be replaced.
func Replaceable(string) error { return nil }

// Beginning is the rule of empty files, and of those whose first bytes, so many at most, are those of a file that is ours. Of
// others it says what they are not, such as "not a dataset".
func Beginning(bytes int64, ours func(start []byte) bool, not string) Rule {
	return func(path string) error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		start, err := io.ReadAll(io.LimitReader(file, bytes))
		if err == nil && len(start) > 0 && !ours(start) {
			err = errors.New(not)
		}
		return err
	}
}

// check applies the rule to what is at a resolved path.
func (r Rule) check(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if r == nil {
		return &OccupiedError{Path: path}
	}
	if err := r(path); err != nil {
		return &OccupiedError{path, err}
	}
	return nil
}

// OccupiedError means that there is a file that must not be replaced. It matches fs.ErrExist.
type OccupiedError struct {
	Path   string
	Reason error // what the file is not; nil if no file may be replaced
}

func (e *OccupiedError) Error() string {
	if e.Reason == nil {
		return fmt.Sprintf("create %s: it exists already", e.Path)
	}
	return fmt.Sprintf("create %s: it exists already and is %v", e.Path, e.Reason)
}

// Is makes errors.Is(err, fs.ErrExist) true.
func (e *OccupiedError) Is(target error) bool { return target == fs.ErrExist }

// MissingFolderError means that the folder for a new file does not exist. It matches fs.ErrNotExist.
type MissingFolderError struct{ Path, Folder string }

func (e *MissingFolderError) Error() string {
	return fmt.Sprintf("create %s: folder %s does not exist", e.Path, e.Folder)
}

// Is makes errors.Is(err, fs.ErrNotExist) true.
func (e *MissingFolderError) Is(target error) bool { return target == fs.ErrNotExist }

// Check reports early whether Create would fail at path: the folder must exist, and at path there must be nothing, or a
// regular file that the rule accepts. It writes nothing.
func Check(path string, rule Rule) error {
	final, err := resolve(path)
	if err != nil {
		return err
	}
	return rule.check(final)
}

// Try writes and syncs a few bytes beside path and removes them again, to find out early whether its folder can be
// written to.
func Try(path string) error {
	file, err := createTemporary(path)
	if err != nil {
		return named("create", path, err)
	}
	f := &File{path: path, file: file}
	defer f.Abort()
	const few = 4096
	if _, err := f.Write(make([]byte, few)); err != nil {
		return err
	}
	return f.Sync()
}

// Free returns how many bytes there is room for in the folder of path.
func Free(path string) (int64, error) {
	free, err := freeSpace(filepath.Dir(path))
	if err != nil {
		return 0, named("find the free space for", path, err)
	}
	return free, nil
}

// resolve returns the path to rename to. A symbolic link is followed, so that its target is replaced and not the link;
// the target must exist.
func resolve(path string) (string, error) {
	if path == "" {
		return "", named("create", `""`, errors.New("the file name is empty"))
	}
	link, missing := os.Lstat(path)
	if errors.Is(missing, fs.ErrNotExist) {
		return path, CheckFolder(path)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && link != nil && link.Mode()&fs.ModeSymlink != 0 {
		return "", named("create", path, errors.New("it is a symbolic link to a file that does not exist"))
	}
	if err != nil {
		return "", named("create", path, err)
	}
	// Renaming onto a device or a pipe would replace it with a file.
	if info.IsDir() {
		return "", named("create", path, errors.New("it is a folder"))
	}
	if !info.Mode().IsRegular() {
		return "", named("create", path, errors.New("it is not a regular file"))
	}
	final, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", named("create", path, err)
	}
	return final, nil
}

// CheckFolder returns an error unless there is a folder for path. If it is missing, the error names it.
func CheckFolder(path string) error {
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return &MissingFolderError{Path: path, Folder: folder}
	}
	if err != nil {
		return named("create", path, err)
	}
	if !info.IsDir() {
		return named("create", path, fmt.Errorf("%s is not a folder", folder))
	}
	return nil
}

// syncFolder makes a rename in the folder survive a power failure.
func syncFolder(path string) error {
	if err := probe(Operation{Kind: SyncsFolder, Path: path}); err != nil {
		return named("sync folder", path, err)
	}
	folder, err := os.Open(path)
	if err != nil {
		return named("sync folder", path, err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !cannotSync(err) {
		return named("sync folder", path, err)
	}
	return nil
}

// LargestText is the limit of ReadFile for vocabularies, dictionaries and the like, which have a few MiB at most.
const LargestText = 64 << 20

// ReadFile reads a file, which may be a pipe, of at most limit bytes.
func ReadFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, named("read", path, fmt.Errorf("it has more than %d MiB", limit>>20))
	}
	return data, nil
}
