// Package durable writes files that are either complete or absent, locks outputs, and maps files into memory.
//
// A [File] is written under a temporary name of its own beside its final path. Commit syncs it to disk and renames it,
// so that readers, and whoever comes after a crash or a power failure, see the old file or the new one, never a part of
// it. An existing file is replaced only if the caller's [Rule] accepts it. A [Lock] keeps other processes from an output
// for a whole run, names the process that has it, and removes the temporary files of runs that were killed.
//
// Errors of the file system are *fs.PathError and name the final path. [MissingFolderError], [OccupiedError] and
// [LockedError] are those that a caller has advice for.
package durable

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file being written beside its final path. Commit gives it the final name; until then a reader finds
// whatever was there before. It is not safe for concurrent use.
type File struct {
	path   string // final path, with symbolic links followed
	rule   Rule
	file   *os.File
	synced bool  // nothing was written since the last Sync
	err    error // the first failed write; a file with one is never committed
}

// Create starts a new file at path. It fails under the conditions of [Check].
func Create(path string, rule Rule) (*File, error) {
	final, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if err := rule.check(final); err != nil {
		return nil, err
	}
	file, err := createTemporary(final)
	if err != nil {
		return nil, named("create", path, err)
	}
	return &File{path: final, rule: rule, file: file}, nil
}

// WriteFile creates the file at path with the content that write produces, through a buffer. If write fails, path is
// left as it was.
func WriteFile(path string, rule Rule, write func(io.Writer) error) error {
	file, err := Create(path, rule)
	if err != nil {
		return err
	}
	defer file.Abort()
	if err := file.Fill(write); err != nil {
		return err
	}
	return file.Commit()
}

// Fill appends what write produces, through a buffer.
func (f *File) Fill(write func(io.Writer) error) error {
	buffer := bufio.NewWriterSize(f, 1<<20)
	if err := write(buffer); err != nil {
		return err
	}
	return buffer.Flush()
}

// Write appends to the file.
func (f *File) Write(data []byte) (n int, err error) {
	f.synced = false
	if err = probe(Operation{Kind: Writes, Path: f.file.Name(), Data: data}); err == nil {
		n, err = f.file.Write(data)
	}
	return n, f.keep("write", err)
}

// Sync brings the content to disk. Commit does, too; a caller who has something to do between the two calls both.
func (f *File) Sync() error {
	if f.err != nil || f.synced {
		return f.err
	}
	err := probe(Operation{Kind: Syncs, Path: f.file.Name()})
	if err == nil {
		err = f.file.Sync()
	}
	f.synced = err == nil
	return f.keep("write", err)
}

// SameAs reports whether the file at path has the content that was written so far.
func (f *File) SameAs(path string) (bool, error) {
	other, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer other.Close()
	own, err := f.file.Stat()
	if err != nil {
		return false, named("read", f.path, err)
	}
	if there, err := other.Stat(); err != nil || there.Size() != own.Size() {
		return false, err
	}
	return equal(io.NewSectionReader(f.file, 0, own.Size()), other)
}

// equal compares what two readers of the same length read.
func equal(a, b io.Reader) (bool, error) {
	const piece = 1 << 20
	buffers := [2][]byte{make([]byte, piece), make([]byte, piece)}
	for {
		n, err := io.ReadFull(a, buffers[0])
		if _, other := io.ReadFull(b, buffers[1][:n]); other != nil && n > 0 {
			return false, other
		}
		if !bytes.Equal(buffers[0][:n], buffers[1][:n]) {
			return false, nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// Commit syncs the file to disk and renames it to its final path. A file that is there by now is replaced if the rule
// accepts it. After an error the new file is removed and the old one stays.
func (f *File) Commit() error {
	if f.file == nil {
		return named("commit", f.path, fs.ErrClosed)
	}
	defer f.Abort()
	if err := f.Sync(); err != nil {
		return err
	}
	// Renamed while open, so that the temporary name is locked until it is gone.
	if err := f.rename(); err != nil {
		return err
	}
	_ = f.file.Close() // the content is on disk already
	f.file = nil
	return syncFolder(filepath.Dir(f.path))
}

// rename gives the file its final name.
func (f *File) rename() error {
	const tries = 3 // what is at the path may change between the check and the renaming
	var err error
	for range tries {
		if err := f.rule.check(f.path); err != nil {
			return err
		}
		rename := os.Rename
		if _, missing := os.Lstat(f.path); missing != nil {
			rename = renameNew
		}
		if err = probe(Operation{Kind: Renames, Path: f.file.Name(), To: f.path}); err == nil {
			err = rename(f.file.Name(), f.path)
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return named("rename temporary file to", f.path, err)
}

// Abort removes the unfinished file. After Commit or Abort it does nothing.
func (f *File) Abort() {
	if f.file == nil {
		return
	}
	// Removed while open, so that the name is locked until it is gone. A file that cannot be removed only wastes
	// space until the next run that locks this output.
	if probe(Operation{Kind: Removes, Path: f.file.Name()}) == nil {
		_ = os.Remove(f.file.Name())
	}
	_ = f.file.Close()
	f.file = nil
}

// keep remembers the first failure. The error it returns names the final path.
func (f *File) keep(operation string, err error) error {
	err = named(operation, f.path, err)
	if f.err == nil {
		f.err = err
	}
	return err
}

// Rename renames a file, which replaces what is at the new path, and syncs the folder of the new path.
func Rename(from, to string) error {
	err := probe(Operation{Kind: Renames, Path: from, To: to})
	if err == nil {
		err = os.Rename(from, to)
	}
	if err != nil {
		return named("rename "+from+" to", to, err)
	}
	return syncFolder(filepath.Dir(to))
}

// Remove removes a file, if it is there, and syncs its folder.
func Remove(path string) error {
	err := probe(Operation{Kind: Removes, Path: path})
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return named("remove", path, err)
	}
	return syncFolder(filepath.Dir(path))
}

// named returns err as a failed operation on path, in place of the temporary name in the system's error. A nil error
// stays nil.
func named(operation, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: operation, Path: path, Err: bare(err)}
}

// bare is the system's own error, without the path that it names.
func bare(err error) error {
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		return inner.Err
	}
	if inner := (*os.LinkError)(nil); errors.As(err, &inner) {
		return inner.Err
	}
	return err
}
