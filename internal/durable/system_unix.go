//go:build unix

package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openHere opens a file that is no symbolic link, without waiting for the other end of a pipe.
func openHere(name string, flags int, mode os.FileMode) (*os.File, error) {
	return os.OpenFile(name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, mode)
}

// openAtOnce opens a file to read. A pipe that nobody writes to would block the opening.
func openAtOnce(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
}

// lock locks a file for this process, until it is closed or the process ends. If another process has it, the error is
// errLocked.
func lock(file *os.File) error {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return errLocked
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS):
		return errNoLocks
	}
	return err
}

// isRunning reports whether there is a process of this number.
func isRunning(pid int) bool { return unix.Kill(pid, 0) != unix.ESRCH }

// mapFile maps the first bytes of a file, to read.
func mapFile(file *os.File, size int) ([]byte, error) {
	return unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(data []byte) error { return unix.Munmap(data) }

// dropPages says that mapped pages are not needed for now. It is only advice.
func dropPages(pages []byte) { _ = unix.Madvise(pages, unix.MADV_DONTNEED) }

// sizeOf returns the size of an open file, without allocating.
func sizeOf(file *os.File) (int64, error) {
	var now unix.Stat_t
	err := unix.Fstat(int(file.Fd()), &now)
	return now.Size, err
}

// freeSpace returns the bytes that are free in a folder.
func freeSpace(folder string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// cannotSync reports whether an error is that of a file system that cannot sync a folder.
func cannotSync(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) }
