// Package corpus reads text files, line by line or document by document.
//
// A file is mapped into memory, so its size does not matter, and lines are slices of it: they are valid until the
// corpus is closed. Lines end as in Python's text mode, with a line feed, a carriage return or both, and are numbered
// from 1. A document is a run of non-blank lines, its sentences; blank lines separate documents.
//
// Text must be UTF-8, with or without a byte order mark. It is checked as it is read: the first bad line ends the
// iteration with an [EncodingError], which names the file, line, column and byte.
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

// Line is a line without its line ending.
type Line struct {
	Number int    // from 1
	End    int    // offset in the file of the byte after the line, including its ending
	Text   string // valid until the corpus is closed
}

// Document is a run of sentences, each of them a line that is not blank.
type Document struct {
	Number    int      // from 1
	Line      int      // number of the first line
	End       int      // offset in the file of the byte after the last line
	Sentences []string // valid until the corpus is closed
}

// An EncodingError reports where a file is not UTF-8.
type EncodingError struct {
	Path         string
	Line, Column int // from 1; the column counts bytes
	Byte         byte
}

func (e *EncodingError) Error() string {
	return fmt.Sprintf("%s:%d: not UTF-8: byte 0x%02x at column %d", e.Path, e.Line, e.Byte, e.Column)
}

// Open maps the file at path.
func Open(path string) (*Corpus, error) {
	mapping, err := durable.Map(path)
	if err != nil {
		return nil, err
	}
	return &Corpus{path, len(mapping.Bytes), mapping}, nil
}

// Close unmaps the file. Its text must not be used afterwards.
func (c *Corpus) Close() error { return c.mapping.Close() }

// Lines yields the lines of the file, without a byte order mark at its start. A line ends with "\n", "\r\n" or "\r";
// the last line may lack an ending. The first line that is not UTF-8 yields an [EncodingError] and ends the iteration.
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

// Documents yields the documents of a file with one sentence per line and blank lines, empty or only white space,
// between documents. Errors are those of Lines.
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

// lineEnds finds line endings from front to back, looking at each byte at most twice.
type lineEnds struct {
	data           []byte
	feed, carriage int // index of the next "\n" and "\r", len(data) if there is none
}

// after returns where the text of the line that begins at start ends, and where the next line begins.
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
