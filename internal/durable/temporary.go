package durable

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Temporary files are named NAME.uer-0123456789abcdef.partial, with random digits: a name that nobody else's file has.
// Their writer holds a lock on them. Without a lock, the writer is dead.
const (
	mark   = ".uer-"
	suffix = ".partial"
)

var temporaryName = regexp.MustCompile(`^(.+)\.uer-[0-9a-f]{16}\.partial$`)

// createTemporary creates a temporary file for path, locked.
func createTemporary(path string) (*os.File, error) {
	for range lockTries {
		var digits [8]byte
		_, _ = rand.Read(digits[:]) // never fails
		name := path + mark + hex.EncodeToString(digits[:]) + suffix
		if err := probe(Operation{Kind: Creates, Path: name}); err != nil {
			return nil, err
		}
		// O_EXCL neither opens what is there nor follows a link.
		file, err := openHere(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return nil, err
		}
		// Another process may take the file for a left-over before it is locked.
		err = lock(file)
		if (err == nil || errors.Is(err, errNoLocks)) && sameFile(file, name) {
			return file, nil
		}
		_ = file.Close()
	}
	return nil, errLost
}

// removeLeftovers removes the temporary files for path, and those for files whose name begins with that of path and a
// dash, whose writers are dead. It returns their paths. What cannot be removed stays.
func removeLeftovers(path string) (removed []string) {
	folder, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		match := temporaryName.FindStringSubmatch(entry.Name())
		if match == nil || match[1] != base && !strings.HasPrefix(match[1], base+"-") || !entry.Type().IsRegular() {
			continue
		}
		if name := folder + entry.Name(); removeDead(name) {
			removed = append(removed, name)
		}
	}
	return removed
}

// removeDead removes a temporary file unless its writer holds it.
func removeDead(name string) bool {
	file, err := openHere(name, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	return lock(file) == nil && sameFile(file, name) && os.Remove(name) == nil
}

// sameFile reports whether path still names the open file.
func sameFile(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	present, err := os.Lstat(path)
	return err == nil && os.SameFile(opened, present)
}

// lockTries bounds how often a file that vanishes before it is locked is created again.
const lockTries = 100

var errLost = errors.New("its temporary file vanishes again and again")

// errLocked is the error of a file that another process has locked.
var errLocked = errors.New("another process has locked it")

// errNoLocks is the error of a file system without locks, as some network file systems are.
var errNoLocks = errors.New("the file system has no locks")
