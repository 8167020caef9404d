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
	owed     int64 // bytes that zip still has to write between the last entry and the next header
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
	if a.err != nil {
		return io.Discard
	}
	name = folder + name
	start := a.position.n + a.owed + localHeader + int64(len(name)) + fieldHeader
	padding := (alignment - start%alignment) % alignment
	extra := make([]byte, fieldHeader+padding)
	binary.LittleEndian.PutUint16(extra, paddingField)
	binary.LittleEndian.PutUint16(extra[2:], uint16(padding))
	body, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Extra: extra})
	if err != nil {
		a.err = err
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

// values writes an entry of little-endian float32, encoded piece by piece.
func (a *archiveWriter) values(name string, values []float32) {
	body := a.entry(name, 4*int64(len(values)))
	piece := make([]byte, 0, 1<<16)
	for len(values) > 0 && a.err == nil {
		n := min(len(values), cap(piece)/4)
		piece = piece[:0]
		for _, value := range values[:n] {
			piece = binary.LittleEndian.AppendUint32(piece, math.Float32bits(value))
		}
		_, a.err = body.Write(piece)
		values = values[n:]
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
