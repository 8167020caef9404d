// Package durable writes files that are either complete or absent, and maps files into memory.
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

// suffix marks the temporary file beside the target. The name is the same in every run, so what a killed process
// left behind is overwritten by the next one instead of piling up.
const suffix = ".partial"

// File is a file being written beside its final path. It takes the final name in Commit; until then a reader finds
// what was there before. A File is for one goroutine.
type File struct {
	path string // final path, with symbolic links followed
	file *os.File
	err  error // first failed write: such a file is never committed
}

// Check tells early whether Create could work at path: its folder must exist, and what path names now, if anything,
// must be a regular file. It writes nothing.
func Check(path string) error {
	_, err := target(path)
	return err
}

// Create starts a new file at path, on the conditions of [Check]. Of two processes that write one path at a time, the
// second gets an error.
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

// WriteFile makes the file at path from what write produces, through a buffer. After an error nothing of it is left.
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

// Write appends to the file at its current offset.
func (f *File) Write(data []byte) (int, error) {
	n, err := f.file.Write(data)
	return n, f.keep(err)
}

// WriteAt writes at the offset in bytes from the start; it does not move the current offset.
func (f *File) WriteAt(data []byte, offset int64) (int, error) {
	n, err := f.file.WriteAt(data, offset)
	return n, f.keep(err)
}

// Seek sets the current offset as io.Seeker does.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	position, err := f.file.Seek(offset, whence)
	if err != nil {
		return position, named("seek in", f.path, err)
	}
	return position, nil
}

// Commit brings the bytes to the disk and gives the file its final name, replacing what had it. If any write failed,
// or these do not reach the disk, the file is removed and what had the name stays.
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
	// Renamed while open: the lock lasts until the temporary name is gone.
	if err := os.Rename(f.file.Name(), f.path); err != nil {
		f.Abort()
		return named("rename temporary file to", f.path, err)
	}
	_ = f.file.Close() // the bytes are on the disk already
	f.file = nil
	return syncFolder(filepath.Dir(f.path))
}

// Abort removes the unfinished file. After Commit or Abort it does nothing.
func (f *File) Abort() {
	if f.file == nil {
		return
	}
	// Removed while open, so that the lock protects the name until it is gone. A name that cannot be removed
	// costs space only: the next Create overwrites it.
	_ = os.Remove(f.file.Name())
	_ = f.file.Close()
	f.file = nil
}

// keep remembers the first failed write and names the final path in it.
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

// target returns the path to rename to. A symbolic link is followed, so the link stays and its target is replaced.
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
	// Renaming over a device or a pipe would replace it.
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

// checkFolder says which folder is missing, which the system's message about the file does not.
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

// MissingFolderError says that the folder for a new file does not exist. It is an fs.ErrNotExist.
type MissingFolderError struct{ Path, Folder string }

func (e *MissingFolderError) Error() string {
	return fmt.Sprintf("create %s: folder %s does not exist", e.Path, e.Folder)
}

// Is makes errors.Is(err, fs.ErrNotExist) true.
func (e *MissingFolderError) Is(target error) bool { return target == fs.ErrNotExist }

// openLocked opens the temporary file empty, with a lock that ends with the process that holds it.
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
		// Between opening and locking another process may have renamed or removed this file.
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

// lock takes the file for this process. Some network file systems know no locks: there two writers are not noticed.
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

// syncFolder makes a rename in the folder survive a power cut.
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

// named says what was done to which file, without the temporary name that the system's error carries.
func named(operation, path string, err error) error {
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		err = inner.Err
	}
	if inner := (*os.LinkError)(nil); errors.As(err, &inner) {
		err = inner.Err
	}
	return &fs.PathError{Op: operation, Path: path, Err: err}
}
