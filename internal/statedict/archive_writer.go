package statedict

import (
	"archive/zip"
	"encoding/binary"
	"io"
	"math"
)

// archiveWriter writes the entries of a zip file as PyTorch does: uncompressed, with the content of each starting at a
// multiple of 64 bytes, so that a reader can map it into memory. It keeps the first error.
type archiveWriter struct {
	zip      *zip.Writer
	position *counter
	owed     int64           // bytes that zip still has to write between the last entry and the next header
	header   *zip.FileHeader // of the last entry; it has the checksum when the next one has begun
	err      error
}

const (
	folder    = "archive/" // the name that torch.save uses when it writes to a stream
	alignment = 64
	// localHeader is the length of an entry's header up to its name, fieldHeader that of an extra field's header.
	localHeader = 30
	fieldHeader = 4
	// paddingField is the id with which PyTorch marks an extra field that is only padding.
	paddingField = 0x4246
)

func newArchiveWriter(w io.Writer) *archiveWriter {
	position := &counter{w: w}
	return &archiveWriter{zip: zip.NewWriter(position), position: position}
}

// entry starts an entry with size bytes of content.
func (a *archiveWriter) entry(name string, size int64) io.Writer {
	if a.err == nil {
		a.err = a.zip.Flush()
	}
	name = folder + name
	start := a.position.n + a.owed + localHeader + int64(len(name)) + fieldHeader
	padding := (alignment - start%alignment) % alignment
	extra := make([]byte, fieldHeader+padding)
	binary.LittleEndian.PutUint16(extra, paddingField)
	binary.LittleEndian.PutUint16(extra[2:], uint16(padding))
	a.header = &zip.FileHeader{Name: name, Method: zip.Store, Extra: extra}
	body := io.Discard
	if a.err == nil {
		body, a.err = a.zip.CreateHeader(a.header)
	}
	if a.err != nil {
		return io.Discard
	}
	// A descriptor follows the content: signature, checksum and two sizes of 4 bytes each, or sizes of 8 in a large
	// file.
	a.owed = 16
	if size >= math.MaxUint32 {
		a.owed = 24
	}
	return body
}

func (a *archiveWriter) text(name string, content []byte) {
	body := a.entry(name, int64(len(content)))
	if a.err == nil {
		_, a.err = body.Write(content)
	}
}

// values writes an entry of little-endian float32, which are read piece by piece.
func (a *archiveWriter) values(name string, count int, read func(offset int, to []float32) error) {
	body := a.entry(name, 4*int64(count))
	if a.err == nil {
		a.err = writeFloats(body, count, read)
	}
}

func (a *archiveWriter) close() error {
	if a.err != nil {
		return a.err
	}
	return a.zip.Close()
}

// counter forwards writes and counts their bytes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(data []byte) (int, error) {
	n, err := c.w.Write(data)
	c.n += int64(n)
	return n, err
}
