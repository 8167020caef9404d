// Package corpus reads text files, line by line or document by document.
package corpus

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
	"unsafe"

	"uer/internal/console"
	"uer/internal/durable"
)

// Corpus is a text file in UTF-8, mapped into memory. It is safe for concurrent use.
type Corpus struct {
	Path    string
	Size    int // bytes
	mapping *durable.Mapping
}

// Line is a line without its end.
type Line struct {
	Number int    // from 1
	End    int    // index of the byte after the line in the file
	Text   string // valid until the corpus is closed
}

// Document is a run of sentences, each a line of the file that is not blank.
type Document struct {
	Number    int      // from 1
	Line      int      // number of the first line
	End       int      // index of the byte after the last line in the file
	Sentences []string // valid until the corpus is closed
}

// An EncodingError says where a file is not UTF-8.
type EncodingError struct {
	Path         string
	Line, Column int // from 1; the column counts bytes
	Byte         byte
}

func (e *EncodingError) Error() string {
	return fmt.Sprintf("%s:%d: not UTF-8: byte 0x%02x at column %d", e.Path, e.Line, e.Byte, e.Column)
}

// Open maps a file. Its text is checked while it is read.
func Open(path string) (*Corpus, error) {
	mapping, err := durable.Map(path)
	if err != nil {
		return nil, err
	}
	return &Corpus{path, len(mapping.Bytes), mapping}, nil
}

// Close unmaps the file. No text of it may be used afterwards.
func (c *Corpus) Close() error { return c.mapping.Close() }

// Lines yields the lines of the file. As in Python's text mode, a line ends with "\n", "\r\n" or "\r"; the last line
// needs no end. A byte order mark at the beginning of the file is left out. The first line that is not UTF-8 yields an
// EncodingError and is the last.
func (c *Corpus) Lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		data := c.mapping.Bytes
		ends := lineEnds{data: data, feed: -1, carriage: -1}
		for number, start := 1, 0; start < len(data); number++ {
			end, next := ends.after(start)
			line := Line{number, next, unsafe.String(&data[start], end-start)}
			start = next
			if !utf8.ValidString(line.Text) {
				yield(Line{}, c.encodingError(line))
				return
			}
			if number == 1 {
				line.Text = strings.TrimPrefix(line.Text, "\ufeff")
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

func (c *Corpus) encodingError(line Line) error {
	text := line.Text
	for {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 {
			break
		}
		text = text[size:]
	}
	err := &EncodingError{c.Path, line.Number, len(line.Text) - len(text) + 1, text[0]}
	return console.Hint(err, "convert the file, for instance with iconv -f GB18030 -t UTF-8")
}

// Documents yields the documents of a file with a sentence a line and blank lines, which hold nothing but white space,
// between the documents. Errors are those of Lines.
func (c *Corpus) Documents() iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		document := Document{Number: 1}
		for line, err := range c.Lines() {
			if err != nil {
				yield(Document{}, err)
				return
			}
			if strings.TrimSpace(line.Text) != "" {
				if document.Sentences == nil {
					document.Line = line.Number
				}
				document.Sentences = append(document.Sentences, line.Text)
				document.End = line.End
			} else if document.Sentences != nil {
				if !yield(document, nil) {
					return
				}
				document = Document{Number: document.Number + 1}
			}
		}
		if document.Sentences != nil {
			yield(document, nil)
		}
	}
}

// lineEnds finds line ends from the front to the back, looking at each byte twice at most.
type lineEnds struct {
	data           []byte
	feed, carriage int // the next "\n" and "\r", len(data) if there is none
}

// after returns the index of the end of the line that begins at start, and where the next line begins.
func (l *lineEnds) after(start int) (end, next int) {
	if l.feed < start {
		l.feed = l.index(start, '\n')
	}
	if l.carriage < start {
		l.carriage = l.index(start, '\r')
	}
	end = min(l.feed, l.carriage)
	next = end + 1
	if l.feed == next {
		next++ // "\r\n"
	}
	return end, min(next, len(l.data))
}

func (l *lineEnds) index(start int, b byte) int {
	if i := bytes.IndexByte(l.data[start:], b); i >= 0 {
		return start + i
	}
	return len(l.data)
}
