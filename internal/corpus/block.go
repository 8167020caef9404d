package corpus

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"iter"

	"uer/internal/console"
)

// Block is a part of a file that holds whole documents. [Reader.Documents] reads them.
type Block struct {
	File       *File
	Start, End Position
	Stored     int // bytes of the corpus, as it is stored, up to the end of the block

	text     []byte
	division Division
}

// Checksum returns the CRC-32C of the block's text as it is stored, but uncompressed.
func (b *Block) Checksum() uint32 { return crc32.Checksum(b.text, castagnoli) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maxDocument is the largest document in bytes, so that memory is bounded.
const maxDocument = 1 << 30

// Blocks yields the corpus from a position on, in blocks that are as large as wanted or a little larger or smaller, and
// larger than that only to hold a single document. Their text is not checked or decoded yet. It fails if a compressed
// file is damaged.
func (c *Corpus) Blocks(division Division, size int, from Position) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		for at := from; at.File < len(c.Files); at = (Position{File: at.File + 1, Line: 1, Document: at.Document}) {
			file, goOn := c.Files[at.File], true
			end, err := file.blocks(division, size, at, func(block Block) bool {
				goOn = yield(block, nil)
				return goOn
			})
			if err != nil {
				yield(Block{}, err)
				return
			}
			if !goOn {
				return
			}
			at = end
		}
	}
}

// blocks yields the blocks of a file from a position on and returns where they end.
func (f *File) blocks(division Division, size int, at Position, yield func(Block) bool) (Position, error) {
	w, err := f.window()
	if err != nil {
		return at, err
	}
	defer w.close()
	if err := w.skip(at.Offset); err != nil {
		return at, f.damaged(at, err)
	}
	blanks := newBlanks(f.encoding)
	for more := true; more; {
		var block Block
		if block, more, err = f.block(w, blanks, division, size, at); err != nil {
			return at, err
		}
		if block.End != at && !yield(block) {
			return at, nil
		}
		at = block.End
	}
	return at, f.unchanged(w)
}

// block takes the next block of about the given size from a window, and reports whether there may be another.
func (f *File) block(w *window, blanks *blanks, division Division, size int, at Position) (b Block, more bool, err error) {
	if f.field != "" {
		division = ByLine
	}
	for n := size; ; n *= 2 {
		text, final, err := w.next(n)
		if err != nil {
			return Block{}, false, f.damaged(at, err)
		}
		end, lines, documents := cut(text, blanks, division, final)
		if end == 0 && !final {
			if n > maxDocument {
				return Block{}, false, console.Hint(fmt.Errorf("%s:%d: a document of more than %s",
					f.Path, at.Line, console.Bytes(maxDocument)), "divide it by line feeds, or by empty lines where a line is a sentence")
			}
			continue
		}
		w.take(end)
		b = Block{File: f, Start: at, text: text[:end:end], division: division, Stored: f.before + w.position()}
		b.End = Position{File: at.File, Offset: at.Offset + end, Line: at.Line + lines, Document: at.Document + documents}
		return b, !final || end < len(text), nil
	}
}

// cut returns the length of the part of text that holds only whole documents, and the numbers of lines and documents in
// it. It is the whole text if it ends where the file does.
func cut(text []byte, blanks *blanks, division Division, final bool) (end, lines, documents int) {
	if division == ByLine {
		end, lines = cutLines(text, final)
		return end, lines, lines
	}
	open, line, found := false, 0, 0
	ends := newLineEnds(text)
	for start := 0; start < len(text); {
		stop, next := ends.after(start)
		if !final && next == len(text) && (stop == next || text[stop] == '\r') {
			return end, lines, documents // the line, or its ending, may go on
		}
		line++
		switch blank := blanks.has(text[start:stop]); {
		case blank:
			open = false
			end, lines, documents = next, line, found
		case !open:
			open = true
			found++
		}
		start = next
	}
	if final {
		return len(text), line, found
	}
	return end, lines, documents
}

// cutLines is cut for documents of one line.
func cutLines(text []byte, final bool) (end, lines int) {
	end = len(text)
	if !final {
		whole := bytes.TrimSuffix(text, []byte{'\r'}) // a line feed may follow
		end = bytes.LastIndexByte(whole, '\n') + 1
		end += bytes.LastIndexByte(whole[end:], '\r') + 1
	}
	text = text[:end]
	lines = bytes.Count(text, []byte{'\n'})
	if end > 0 && text[end-1] != '\n' && text[end-1] != '\r' {
		lines++
	}
	if bytes.IndexByte(text, '\r') >= 0 {
		lines += bytes.Count(text, []byte{'\r'}) - bytes.Count(text, []byte("\r\n"))
	}
	return end, lines
}

// lineEnds finds line endings from front to back, looking at each byte at most twice.
type lineEnds struct {
	data           []byte
	feed, carriage int // index of the next "\n" and "\r", len(data) if there is none
}

func newLineEnds(data []byte) lineEnds { return lineEnds{data: data, feed: -1, carriage: -1} }

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
