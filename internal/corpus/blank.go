package corpus

import (
	"bytes"
	"unicode/utf8"

	textencoding "golang.org/x/text/encoding"
)

// blanks recognises blank lines as they are stored. Each goroutine needs its own.
type blanks struct {
	encoding *encoding
	decoder  *textencoding.Decoder
	text     []byte
}

func newBlanks(e *encoding) *blanks {
	b := &blanks{encoding: e}
	if e.decoder != nil {
		b.decoder = e.decoder.NewDecoder()
	}
	return b
}

// has reports whether a line is empty or only white space.
func (b *blanks) has(line []byte) bool {
	switch {
	case len(line) == 0:
		return true
	case line[0] > ' ' && line[0] < utf8.RuneSelf:
		return false
	case b.decoder == nil:
		return len(bytes.TrimSpace(line)) == 0
	}
	const few = 32 // bytes in which most lines show that they are not blank
	if len(line) > few {
		start := bytes.TrimRight(b.decode(line[:few]), "\ufffd") // it may end with half a character
		if len(bytes.TrimSpace(start)) > 0 {
			return false
		}
	}
	return len(bytes.TrimSpace(b.decode(line))) == 0
}

func (b *blanks) decode(line []byte) []byte {
	b.text, _ = b.encoding.appendDecoded(b.text[:0], line, b.decoder)
	return b.text
}
