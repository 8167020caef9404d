//go:build !linux

package durable

import "os"

// renameNew renames a file. A file that appears at the new path at this very moment is replaced.
func renameNew(from, to string) error { return os.Rename(from, to) }
