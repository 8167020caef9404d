package corpus

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"uer/internal/console"
)

// An EncodingError reports where a file is not in its encoding.
type EncodingError struct {
	Path         string
	Line, Column int // from 1; the column counts bytes
	Byte         byte
	Encoding     string
}

func (e *EncodingError) Error() string {
	if strings.HasPrefix(e.Encoding, "utf-16") {
		return fmt.Sprintf("%s:%d: not %s: half a character", e.Path, e.Line, strings.ToUpper(e.Encoding))
	}
	return fmt.Sprintf("%s:%d: not %s: byte 0x%02x at column %d", e.Path, e.Line, strings.ToUpper(e.Encoding), e.Byte, e.Column)
}

// candidates are the encodings that text may be in that is not in the one that was expected. In those of one byte a
// character nearly any text is valid, so that only the most widespread ones are of use.
var candidates = []string{"utf-8", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "windows-1252", "windows-1251"}

// wrong is the error of a line that is not in the encoding of its file, at an index of the line.
func (b *Block) wrong(start, end, number, index int) error {
	err := &EncodingError{b.File.Path, number, index + 1, b.text[start+index], b.File.encoding.name}
	const skip = "--bad_lines skip leaves such lines out"
	if b.File.encoding.reader != nil {
		return console.Hint(err, "the line is damaged, or the file is not UTF-16; "+skip)
	}
	if b.File.encoding.decoder == nil && b.mostlyUTF8() {
		return console.Hint(err, "most of the text is UTF-8, so the line is damaged; "+skip)
	}
	const sampled = 1 << 16
	text := b.text[start:min(len(b.text), max(end, start+sampled))]
	if len(text) < len(b.text)-start {
		text = text[:max(end-start, bytes.LastIndexByte(text, '\n')+1)]
	}
	var lines []string
	for _, name := range candidates {
		if sample, valid := sampleOf(name, text, b.text[start:end]); valid && name != b.File.encoding.name {
			lines = append(lines, fmt.Sprintf("  --encoding %-13s%s", name, sample))
		}
	}
	if lines == nil {
		return console.Hint(err, "is it text? It is valid in none of "+strings.Join(candidates, ", ")+"; "+skip)
	}
	return console.Hint(err, "say what the text is in; it is valid in these:\n"+strings.Join(lines, "\n"))
}

// mostlyUTF8 reports whether more lines of a block are UTF-8 than not, of those that are not just ASCII.
func (b *Block) mostlyUTF8() bool {
	good, bad := 0, 0
	ends := newLineEnds(b.text)
	for start := 0; start < len(b.text); {
		end, next := ends.after(start)
		switch line := b.text[start:end]; {
		case !utf8.Valid(line):
			bad++
		case bytes.ContainsFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }):
			good++
		}
		start = next
	}
	return good >= bad
}

// sampleOf reports whether text is valid and readable in an encoding, and shows the beginning of a line of it.
func sampleOf(name string, text, line []byte) (sample string, valid bool) {
	e, err := findEncoding(name)
	if err != nil {
		panic(err) // a name in candidates is wrong
	}
	decode := func(data []byte) (string, bool) {
		if e.decoder == nil {
			return string(data), utf8.Valid(data)
		}
		decoded, wrong := e.appendDecoded(nil, data, e.decoder.NewDecoder())
		return string(decoded), wrong < 0
	}
	decoded, valid := decode(text)
	if !valid || strings.ContainsFunc(decoded, unreadable) {
		return "", false
	}
	sample, _ = decode(line)
	return shortened(strings.TrimSpace(sample)), true
}

// unreadable reports whether a character is one that text does not hold: a control character other than white space, one
// for private use, or none at all.
func unreadable(r rune) bool {
	const softHyphen = '\u00ad'
	return r == softHyphen || !unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r)
}
