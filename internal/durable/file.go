// Package durable writes files that are either complete or absent, and maps files into memory.
//
// A [File] is written as PATH.partial beside its final path. Commit syncs it to disk and renames it, so that readers,
// and whoever comes after a crash or a power failure, see the old file or the new one, never a part of it. If writing
// fails, the old file stays and the temporary one is removed; that of a killed process is overwritten by the next run.
// A lock keeps two processes from writing the same path at once.
//
// Errors of the file system are *fs.PathError and name the final path; a missing folder is a [MissingFolderError].
package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// suffix marks the temporary file beside the target. The name is the same in every run, so that the leftover of a
// killed process is overwritten by the next run instead of piling up.
const suffix = ".partial"

// File is a file being written beside its final path. Commit gives it the final name; until then a reader finds
// whatever was there before. It is not safe for concurrent use.
type File struct {
	path string // final path, with symbolic links followed
	file *os.File
	err  error // the first failed write; a file with one is never committed
}

// Check reports early whether Create would fail at path: the folder must exist, and path itself must be a regular file
// or not exist yet. It writes nothing.
func Check(path string) error {
	_, err := target(path)
	return err
}

// Create starts a new file at path, under the conditions of [Check]. It fails if another process is writing that path.
func Create(path string) (*File, error) {
	final, err := target(path)
	if err != nil {
		return nil, err
	}
	file, err := openLocked(final + suffix)
	if err != nil {
		return nil, named("create", path, err)
	}
	return &File{path: final, file: file}, nil
}

// WriteFile creates the file at path with the content that write produces, through a buffer. If write fails, path is
// left as it was.
func WriteFile(path string, write func(io.Writer) error) error {
	file, err := Create(path)
	if err != nil {
		return err
	}
	defer file.Abort()
	buffer := bufio.NewWriterSize(file, 1<<20)
	if err := write(buffer); err != nil {
		return err
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	return file.Commit()
}

// Write appends to the file.
func (f *File) Write(data []byte) (int, error) {
	n, err := f.file.Write(data)
	return n, f.keep(err)
}

// Commit syncs the file to disk and renames it to its final path, replacing any file there. If a write or the sync
// failed, the new file is removed and the old one stays.
func (f *File) Commit() error {
	if f.file == nil {
		return named("commit", f.path, fs.ErrClosed)
	}
	if f.err != nil {
		f.Abort()
		return f.err
	}
	if err := f.file.Sync(); err != nil {
		f.Abort()
		return named("write", f.path, err)
	}
	// Renamed while open, so that the lock is held until the temporary name is gone.
	if err := os.Rename(f.file.Name(), f.path); err != nil {
		f.Abort()
		return named("rename temporary file to", f.path, err)
	}
	_ = f.file.Close() // the content is on disk already
	f.file = nil
	return syncFolder(filepath.Dir(f.path))
}

// Abort removes the unfinished file. After Commit or Abort it does nothing.
func (f *File) Abort() {
	if f.file == nil {
		return
	}
	// Removed while open, so that the lock is held until the name is gone. A file that cannot be removed only
	// wastes space: the next Create overwrites it.
	_ = os.Remove(f.file.Name())
	_ = f.file.Close()
	f.file = nil
}

// keep remembers the first failed write. The error it returns names the final path.
func (f *File) keep(err error) error {
	if err == nil {
		return nil
	}
	err = named("write", f.path, err)
	if f.err == nil {
		f.err = err
	}
	return err
}

// target returns the path to rename to. A symbolic link is followed, so that its target is replaced and not the link.
func target(path string) (string, error) {
	if path == "" {
		return "", named("create", `""`, errors.New("the file name is empty"))
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, checkFolder(path)
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

// checkFolder returns an error that names the missing folder; the system's own error names only the file.
func checkFolder(path string) error {
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

// MissingFolderError means that the folder for a new file does not exist. It matches fs.ErrNotExist.
type MissingFolderError struct{ Path, Folder string }

func (e *MissingFolderError) Error() string {
	return fmt.Sprintf("create %s: folder %s does not exist", e.Path, e.Folder)
}

// Is makes errors.Is(err, fs.ErrNotExist) true.
func (e *MissingFolderError) Is(target error) bool { return target == fs.ErrNotExist }

// openLocked opens the temporary file, locks it and truncates it. The lock ends with the process at the latest.
func openLocked(path string) (*os.File, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, err
		}
		err = lock(file)
		if err != nil {
			_ = file.Close()
			return nil, err
		}
		// Another process may have renamed or removed the file between the opening and the locking.
		opened, err := file.Stat()
		if err == nil {
			var present fs.FileInfo
			present, err = os.Lstat(path)
			if err == nil && os.SameFile(opened, present) {
				if err = file.Truncate(0); err == nil {
					return file, nil
				}
			}
		}
		_ = file.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// lock locks the file for this process. Some network file systems have no locks; a second writer goes unnoticed there.
func lock(file *os.File) error {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errors.New("it is being written by another process")
	}
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// syncFolder makes a rename in the folder survive a power failure.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return named("sync folder", path, err)
	}
	defer folder.Close()
	// Some file systems cannot sync a folder and say so with EINVAL or ENOTSUP.
	if err := folder.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return named("sync folder", path, err)
	}
	return nil
}

// named returns err as a failed operation on path, in place of the temporary name in the system's error.
func named(operation, path string, err error) error {
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		err = inner.Err
	}
	if inner := (*os.LinkError)(nil); errors.As(err, &inner) {
		err = inner.Err
	}
	return &fs.PathError{Op: operation, Path: path, Err: err}
}
