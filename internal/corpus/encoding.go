package corpus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	textencoding "golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"

	"uer/internal/console"
)

// encoding is how a file stores characters. UTF-8 has neither of its functions.
type encoding struct {
	name string
	// decoder makes UTF-8 of a line. In all encodings that have one, the bytes of a line ending mean nothing else, so that
	// lines can be found without decoding them.
	decoder textencoding.Encoding
	// reader makes UTF-8 of a whole file, in which what is wrong is not UTF-8 either.
	reader func(io.Reader) io.Reader
}

var encodingUTF8 = &encoding{name: "utf-8"}

// own are the encodings that golang.org/x/text does not know by these names, or not as files on disk use them.
var own = map[string]*encoding{
	"utf-8":      encodingUTF8,
	"utf-16le":   {name: "utf-16le", reader: utf16Reader(binary.LittleEndian)},
	"utf-16be":   {name: "utf-16be", reader: utf16Reader(binary.BigEndian)},
	"iso-8859-1": {name: "iso-8859-1", decoder: charmap.ISO8859_1},
}

// alias maps other names to those of x/text, which has most of them itself.
var alias = map[string]string{
	"": "utf-8", "utf8": "utf-8", "utf-8-sig": "utf-8", "utf-16": "utf-16le", "utf16": "utf-16le", "utf16le": "utf-16le",
	"utf16be": "utf-16be", "ucs-2": "utf-16le", "latin1": "iso-8859-1", "latin-1": "iso-8859-1", "iso8859-1": "iso-8859-1",
	"l1": "iso-8859-1", "cp936": "gbk", "cp950": "big5", "big5hkscs": "big5", "cp932": "shift_jis", "shift-jis": "shift_jis",
	"cp949": "euc-kr", "uhc": "euc-kr", "euckr": "euc-kr", "eucjp": "euc-jp",
}

// common are the encodings that an error lists.
var common = []string{"utf-8", "utf-16le", "utf-16be", "gb18030", "gbk", "big5", "shift_jis", "euc-jp", "euc-kr",
	"iso-8859-1", "windows-1252", "windows-1251", "koi8-r"}

// findEncoding finds an encoding by any of its names.
func findEncoding(name string) (*encoding, error) {
	wanted := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
	if other, found := alias[wanted]; found {
		wanted = other
	}
	if e, found := own[wanted]; found {
		return e, nil
	}
	decoder, err := htmlindex.Get(wanted)
	if err != nil {
		decoder, err = htmlindex.Get(strings.ReplaceAll(wanted, "-", "_"))
	}
	if err == nil {
		if known, err := htmlindex.Name(decoder); err == nil && known != "replacement" && known != "x-user-defined" {
			if e, found := own[known]; found {
				return e, nil
			}
			return &encoding{name: known, decoder: decoder}, nil
		}
	}
	return nil, console.Hint(fmt.Errorf("encoding %q is not known", name), "some that are: "+strings.Join(common, ", "))
}

// marks are the byte order marks, each before those that it begins with.
var marks = []struct{ bytes, encoding string }{
	{"\xef\xbb\xbf", "utf-8"},
	{"\xff\xfe\x00\x00", "utf-32le"},
	{"\x00\x00\xfe\xff", "utf-32be"},
	{"\xff\xfe", "utf-16le"},
	{"\xfe\xff", "utf-16be"},
}

// headSize is the number of bytes by which an encoding is recognised.
const headSize = 1024

// recogniseEncoding sets the encoding if the first bytes of the text tell.
func (f *File) recogniseEncoding(head []byte) error {
	for _, mark := range marks {
		if !strings.HasPrefix(string(head), mark.bytes) {
			continue
		}
		e, found := own[mark.encoding]
		if !found {
			return console.Hint(fmt.Errorf("%s: the text is in %s, which is not read", f.Path, mark.encoding),
				fmt.Sprintf("iconv -f %s -t utf-8 %s >text.txt", mark.encoding, f.Path))
		}
		f.encoding = e
		return nil
	}
	// Latin text in UTF-16 is valid UTF-8, too, with a zero byte after or before each letter.
	if f.encoding.reader == nil {
		zeros := [2]int{}
		for i, b := range head {
			if b == 0 {
				zeros[i%2]++
			}
		}
		for i, name := range []string{"utf-16be", "utf-16le"} {
			if zeros[i] >= 8 && zeros[i] > len(head)/8 && zeros[1-i] == 0 {
				return console.Hint(fmt.Errorf("%s: not %s: it has zero bytes as text in UTF-16 does", f.Path, f.encoding.name),
					"pass --encoding "+name)
			}
		}
	}
	return nil
}

// appendDecoded appends a line in UTF-8 to text, by a decoder of the encoding. It returns the index of the first byte
// that is not in the encoding, -1 if all are.
func (e *encoding) appendDecoded(text []byte, line []byte, decoder *textencoding.Decoder) (_ []byte, wrong int) {
	decoder.Reset()
	start := len(text)
	for rest := line; ; {
		text = slices.Grow(text, len(rest)+len(rest)/2+utf8.UTFMax)
		made, read, err := decoder.Transform(text[len(text):cap(text)], rest, true)
		text, rest = text[:len(text)+made], rest[read:]
		if !errors.Is(err, transform.ErrShortDst) {
			break
		}
	}
	if bytes.Contains(text[start:], []byte("\ufffd")) {
		return text, e.firstWrong(line)
	}
	return text, -1
}

// firstWrong decodes a line one character at a time.
func (e *encoding) firstWrong(line []byte) int {
	decoder := e.decoder.NewDecoder()
	var character [4 * utf8.UTFMax]byte
	for start := 0; start < len(line); {
		made, read := 0, 0
		for size := 1; read == 0 && start+size <= len(line); size++ {
			made, read, _ = decoder.Transform(character[:], line[start:start+size], false)
		}
		if read == 0 { // the last character is incomplete
			return start
		}
		const replacement = "\x84\x31\xa4\x37" // U+FFFD itself, in the only encoding that has it
		if bytes.Contains(character[:made], []byte("\ufffd")) && string(line[start:start+read]) != replacement {
			return start
		}
		start += read
	}
	return -1
}

// utf16Reader returns a reader that makes UTF-8 of UTF-16. Half of a surrogate pair becomes three bytes that are not
// UTF-8, and so does half a character at the end, so that whoever checks the text finds them.
func utf16Reader(order binary.ByteOrder) func(io.Reader) io.Reader {
	return func(from io.Reader) io.Reader { return transform.NewReader(from, utf16Decoder{order: order}) }
}

type utf16Decoder struct {
	transform.NopResetter
	order binary.ByteOrder
}

func (d utf16Decoder) Transform(dst, src []byte, atEOF bool) (made, read int, err error) {
	for len(src) > read {
		if len(dst)-made < utf8.UTFMax {
			return made, read, transform.ErrShortDst
		}
		rest := src[read:]
		if len(rest) < 4 && !atEOF {
			return made, read, transform.ErrShortSrc
		}
		if len(rest) == 1 {
			dst[made] = 0xff
			return made + 1, read + 1, nil
		}
		r, size := rune(d.order.Uint16(rest)), 2
		if utf16.IsSurrogate(r) && len(rest) >= 4 {
			if pair := utf16.DecodeRune(r, rune(d.order.Uint16(rest[2:]))); pair != utf8.RuneError {
				r, size = pair, 4
			}
		}
		if utf16.IsSurrogate(r) {
			made += copy(dst[made:], []byte{0xe0 | byte(r>>12), 0x80 | byte(r>>6)&0x3f, 0x80 | byte(r)&0x3f})
		} else {
			made += utf8.EncodeRune(dst[made:], r)
		}
		read += size
	}
	return made, read, nil
}
