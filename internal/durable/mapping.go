package durable

import (
	"errors"
	"io/fs"
	"os"
	"runtime/debug"
	"sync"
	"unsafe"
)

// Mapping is the content of a file in read-only memory, read from disk on first access. Files written by this package are
// replaced, which a mapping does not notice. Another program may shorten the file while it is mapped: then an access past
// its new end fails, which kills the process unless the goroutine has a [Guard]; and what was left of the last page
// reads as zeros, which Changed finds.
type Mapping struct {
	Bytes []byte

	path    string
	info    fs.FileInfo // of the file when it was mapped; nil if it is empty
	watched *os.File    // the file, if it is kept open
}

// Map maps the regular file at path. The Bytes of an empty file are empty.
func Map(path string) (*Mapping, error) {
	// A pipe that nobody writes to would block the opening.
	file, err := openAtOnce(path)
	if err != nil {
		return nil, named("open", path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, named("open", path, err)
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return nil, named("open", path, errors.New("it is a folder, not a file"))
	case mode&fs.ModeNamedPipe != 0:
		return nil, &PipeError{path}
	case !mode.IsRegular():
		return nil, named("open", path, errors.New("it is not a regular file"))
	}
	size := info.Size()
	if size == 0 {
		return &Mapping{path: path}, nil
	}
	if int64(int(size)) != size {
		return nil, named("map", path, errors.New("the file is too large for a 32-bit address space"))
	}
	data, err := mapFile(file, int(size))
	if err != nil {
		return nil, named("map", path, err)
	}
	m := &Mapping{Bytes: data, path: path, info: info}
	mappings.Store(m, nil)
	return m, nil
}

// PipeError means that a file that has to be mapped is a pipe.
type PipeError struct{ Path string }

func (e *PipeError) Error() string { return "open " + e.Path + ": it is a pipe, not a file" }

// Changed returns an error if another program has changed the file since it was mapped, so that what was read of it may
// be wrong. A file that was only touched counts as changed, one that was replaced or removed does not: the mapping keeps it.
func (m *Mapping) Changed() error {
	now := m.now()
	switch {
	case now == nil || now.Size() == m.info.Size() && now.ModTime().Equal(m.info.ModTime()):
		return nil
	case now.Size() < m.info.Size():
		return named("read", m.path, errShortened)
	}
	return named("read", m.path, errors.New("another program changed it while it was being read"))
}

// Watch keeps the file open, so that Shortened costs next to nothing.
func (m *Mapping) Watch() error {
	file, err := os.Open(m.path)
	if err != nil {
		return named("open", m.path, err)
	}
	if now, err := file.Stat(); err != nil || m.info == nil || !os.SameFile(now, m.info) {
		_ = file.Close()
		return nil // it was replaced meanwhile, which a mapping does not notice
	}
	m.watched = file
	return nil
}

// Shortened returns an error if another program has made the file shorter since it was mapped.
func (m *Mapping) Shortened() error {
	if m.watched != nil {
		if size, err := sizeOf(m.watched); err == nil && size < m.info.Size() {
			return named("read", m.path, errShortened)
		}
		return nil
	}
	if now := m.now(); now != nil && now.Size() < m.info.Size() {
		return named("read", m.path, errShortened)
	}
	return nil
}

// now describes the file as it is now; nil if the path names another one.
func (m *Mapping) now() fs.FileInfo {
	if m.info == nil {
		return nil
	}
	if now, err := os.Stat(m.path); err == nil && os.SameFile(now, m.info) {
		return now
	}
	return nil
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
		dropPages(m.Bytes[start:end])
	}
}

// Close unmaps the file; Bytes must not be used afterwards. A second call does nothing.
func (m *Mapping) Close() error {
	if m.info == nil || m.Bytes == nil {
		return nil
	}
	mappings.Delete(m)
	data := m.Bytes
	m.Bytes = nil
	err := unmapFile(data)
	if m.watched != nil {
		err = errors.Join(err, m.watched.Close())
	}
	return err
}

var errShortened = errors.New("another program shortened it while it was being read")

// mappings holds all mappings of the process, to name the file of a failed access.
var mappings sync.Map // of *Mapping

// Guard and Recover turn failed accesses to mapped files by the present goroutine into an error of the function:
//
//	defer durable.Recover(&err, durable.Guard())
func Guard() (before bool) { return debug.SetPanicOnFault(true) }

// Recover ends what Guard began. It passes on every other panic.
func Recover(err *error, before bool) {
	debug.SetPanicOnFault(before)
	failure := recover()
	if failure == nil {
		return
	}
	if fault, ok := failure.(interface{ Addr() uintptr }); ok {
		if m := mappingAt(fault.Addr()); m != nil {
			*err = named("read", m.path,
				errors.New("it cannot be read any more: another program shortened it, or the disk failed"))
			return
		}
	}
	panic(failure)
}

// mappingAt returns the mapping that holds an address, nil if none does.
func mappingAt(address uintptr) (found *Mapping) {
	mappings.Range(func(key, _ any) bool {
		m := key.(*Mapping)
		start := uintptr(unsafe.Pointer(unsafe.SliceData(m.Bytes)))
		if address >= start && address < start+uintptr(len(m.Bytes)) {
			found = m
		}
		return found == nil
	})
	return found
}
