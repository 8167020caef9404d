package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames a file unless there is one at the new path, which is fs.ErrExist.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return os.Rename(from, to) // the file system knows no other way
	}
	return err
}
