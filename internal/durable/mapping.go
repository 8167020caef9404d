package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Mapping is a file's content in read-only memory, read from the disk as it is touched. Whoever shortens the file
// while it is mapped ends this process at the next access; files written by this package are replaced, never shortened.
type Mapping struct {
	Bytes []byte
}

// Map maps the regular file at path. An empty file gives empty bytes.
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
		return nil, named("map", path, errors.New("too large for this machine's addresses"))
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, named("map", path, err)
	}
	return &Mapping{Bytes: data}, nil
}

// Close gives the memory back; Bytes must not be touched afterwards. A second call does nothing.
func (m *Mapping) Close() error {
	if m.Bytes == nil {
		return nil
	}
	data := m.Bytes
	m.Bytes = nil
	return unix.Munmap(data)
}
