package corpus

import (
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Document is a text of one or more sentences, each of them a line that is not blank.
type Document struct {
	Number    int    // from 1; the numbers grow, some may be missing
	Path      string // of its file
	Line      int    // number of its first line
	Stored    int    // as in its Block
	Sentences []string
}

// Place names the file and line where the document begins.
func (d *Document) Place() string { return fmt.Sprintf("%s:%d", d.Path, d.Line) }

// Reader reads the documents of blocks. Each goroutine needs its own.
type Reader struct {
	BadLines int64 // lines left out so far, with Options.SkipBad

	options   Options
	sentences []string
	decoded   []byte  // what sentences of other encodings lie in
	blanks    *blanks // of the encoding of the current block
}

// NewReader returns a reader of the corpus's blocks.
func (c *Corpus) NewReader() *Reader { return &Reader{options: c.options} }

// Documents yields the documents of a block. A document's sentences are valid until the next one is read. The first line
// that is not in the encoding of its file, or not JSON, yields an error that names file, line, column and byte, and ends
// the iteration, unless such lines are skipped.
func (r *Reader) Documents(b Block) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		document := Document{Number: b.Start.Document, Path: b.File.Path, Stored: b.Stored}
		open := false // a run of lines has begun
		ends := newLineEnds(b.text)
		r.restart()
		if r.blanks == nil || r.blanks.encoding != b.File.encoding {
			r.blanks = newBlanks(b.File.encoding)
		}
		for line, start := b.Start.Line, 0; start < len(b.text); line++ {
			end, next := ends.after(start)
			stored := b.text[start:end]
			blank := r.blanks.has(stored)
			if !blank {
				if !open {
					open, document.Line = true, line
				}
				if err := r.add(&b, start, end, line); err != nil {
					yield(Document{}, err)
					return
				}
			}
			start = next
			switch {
			case b.division == ByLine: // all lines count
			case !blank || !open:
				continue
			}
			if document.Sentences = r.sentences; len(document.Sentences) > 0 && !yield(document, nil) {
				return
			}
			document.Number++
			open = false
			r.restart()
		}
		if document.Sentences = r.sentences; len(document.Sentences) > 0 {
			yield(document, nil)
		}
	}
}

func (r *Reader) restart() { r.sentences, r.decoded = r.sentences[:0], r.decoded[:0] }

// add adds a line to the sentences of the current document, or several sentences if it is JSON.
func (r *Reader) add(b *Block, start, end, line int) error {
	text, err := r.decode(b, start, end, line)
	if err == nil && b.File.field != "" {
		text, err = b.File.textOf(text, line)
	}
	if err != nil {
		if r.options.SkipBad {
			r.BadLines++
			return nil
		}
		return err
	}
	if line == 1 {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	if b.File.field == "" {
		r.addSentence(text)
		return nil
	}
	bytes := unsafe.Slice(unsafe.StringData(text), len(text))
	ends := newLineEnds(bytes)
	for start := 0; start < len(text); {
		end, next := ends.after(start)
		r.addSentence(text[start:end])
		start = next
	}
	return nil
}

func (r *Reader) addSentence(text string) {
	if strings.TrimSpace(text) != "" {
		r.sentences = append(r.sentences, text)
	}
}

// decode returns a line in UTF-8.
func (r *Reader) decode(b *Block, start, end, number int) (string, error) {
	line := b.text[start:end]
	if b.File.encoding.decoder == nil {
		text := unsafe.String(unsafe.SliceData(line), len(line))
		if !utf8.ValidString(text) {
			return "", b.wrong(start, end, number, firstInvalid(text))
		}
		return text, nil
	}
	before, wrong := len(r.decoded), 0
	r.decoded, wrong = b.File.encoding.appendDecoded(r.decoded, line, r.blanks.decoder)
	if wrong >= 0 {
		return "", b.wrong(start, end, number, wrong)
	}
	text := r.decoded[before:]
	return unsafe.String(unsafe.SliceData(text), len(text)), nil
}

// firstInvalid returns the index of the first byte of text that is not UTF-8.
func firstInvalid(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)) {
			return i
		}
	}
	return -1
}
