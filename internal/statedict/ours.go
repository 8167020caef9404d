package statedict

import (
	"bytes"
	"encoding/binary"
	"io"
)

// IsOurs reports whether a file begins as those of Write do. PyTorch fills the padding of an entry with Zs, and names the
// folder in the archive after the file.
func IsOurs(file io.Reader) bool {
	const name = folder + "data.pkl"
	const padding = alignment - (localHeader+len(name)+fieldHeader)%alignment
	header := make([]byte, localHeader+len(name)+fieldHeader+padding)
	if _, err := io.ReadFull(file, header); err != nil {
		return false
	}
	field := binary.LittleEndian.AppendUint16(nil, paddingField)
	field = binary.LittleEndian.AppendUint16(field, uint16(padding))
	return bytes.HasPrefix(header, []byte("PK\x03\x04")) &&
		bytes.Equal(header[localHeader:], append(append([]byte(name), field...), make([]byte, padding)...))
}
