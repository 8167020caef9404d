package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Mapping is the content of a file in read-only memory, read from disk on first access. If the file is truncated while
// it is mapped, an access past its new end kills the process; files written by this package are replaced instead.
type Mapping struct {
	Bytes []byte
}

// Map maps the regular file at path. The Bytes of an empty file are empty.
func Map(path string) (*Mapping, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, named("open", path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, named("open", path, err)
	}
	if info.IsDir() {
		return nil, named("open", path, errors.New("it is a folder, not a file"))
	}
	if !info.Mode().IsRegular() {
		return nil, named("open", path, errors.New("it is not a regular file"))
	}
	if info.Size() == 0 {
		return &Mapping{}, nil
	}
	if int64(int(info.Size())) != info.Size() {
		return nil, named("map", path, errors.New("the file is too large for a 32-bit address space"))
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, named("map", path, err)
	}
	return &Mapping{Bytes: data}, nil
}

// Drop says that the bytes from start to end are not needed for now, so that they do not count as memory of the process.
// They are read again when they are accessed.
func (m *Mapping) Drop(start, end int) {
	page := os.Getpagesize()
	start = start / page * page
	if end < len(m.Bytes) {
		end = end / page * page
	}
	if start < end {
		_ = unix.Madvise(m.Bytes[start:end], unix.MADV_DONTNEED) // only advice
	}
}

// Close unmaps the file; Bytes must not be used afterwards. A second call does nothing.
func (m *Mapping) Close() error {
	if m.Bytes == nil {
		return nil
	}
	data := m.Bytes
	m.Bytes = nil
	return unix.Munmap(data)
}
