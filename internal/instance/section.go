package instance

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sort"

	"uer/internal/console"
	"uer/internal/corpus"
)

// Section is a part of a corpus. The instances of all sections, one section after another, are those of the corpus.
type Section struct {
	Start    corpus.Position `json:"start"`    // of the group of text in which its first document is
	First    int             `json:"first"`    // number of its first document
	End      int             `json:"end"`      // number of the document after its last one
	Before   int             `json:"before"`   // bytes of the corpus before it, as stored
	Size     int             `json:"size"`     // bytes of it, as stored
	Checksum uint32          `json:"checksum"` // of its text
}

// whole is all of a corpus.
func whole(c *corpus.Corpus) Section {
	const many = 1 << 62
	return Section{Start: corpus.Start, First: corpus.Start.Document, End: many, Size: c.Size}
}

// Divide divides a corpus into the given number of sections of about the same size. It reads all of the text, but does not
// decode it. A section ends where a buffer of documents does or, if the target needs none, where a group of text does.
// Divide fails if there are too few of them.
func Divide(ctx context.Context, settings Settings, c *corpus.Corpus, count int) ([]Section, error) {
	if err := settings.Check(); err != nil {
		return nil, err
	}
	var (
		groups []mark
		firsts []int // numbers of the first documents of buffers, except the first one
		before int
		end    int
		cut    = newCut(&settings, corpus.Start.Document)
	)
	for text, err := range c.Blocks(settings.division(), groupSize, corpus.Start) {
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		groups = append(groups, mark{text.Start, before, text.Checksum()})
		before, end = text.Stored, text.End.Document
		if settings.Buffered() {
			for cut.add(text); cut.next(); {
				firsts = append(firsts, cut.first)
			}
		} else if len(groups) > 1 && text.Start.Document > groups[len(groups)-2].start.Document {
			firsts = append(firsts, text.Start.Document)
		}
	}
	if len(groups) == 0 {
		return nil, fmt.Errorf("%s: there is no text", c.Name())
	}
	if len(firsts)+1 < count {
		err := fmt.Errorf("%s: too small for %d shards", c.Name(), count)
		return nil, console.Hint(err, fmt.Sprintf("take at most %d%s", len(firsts)+1, settings.smaller()))
	}
	return choose(groups, firsts, end, c.Size, count), nil
}

// smaller advises how more sections can be made.
func (s *Settings) smaller() string {
	if s.Buffered() {
		return ", or a smaller --docs_buffer_size"
	}
	return ""
}

// mark is a group of text that has been read.
type mark struct {
	start    corpus.Position
	before   int // bytes of the corpus before it, as stored
	checksum uint32
}

// choose takes the first documents of the sections from those given, so that sections of about the same size result.
// end is the number of the document after the last one, size the bytes of the corpus.
func choose(groups []mark, firsts []int, end, size, count int) []Section {
	// place returns the index of the group that holds a document.
	place := func(document int) int {
		return sort.Search(len(groups), func(i int) bool { return groups[i].start.Document > document }) - 1
	}
	sections := []Section{{Start: corpus.Start, First: corpus.Start.Document}}
	next := 0 // index in firsts
	for i := 1; i < count; i++ {
		reached := sort.Search(len(firsts), func(j int) bool { return groups[place(firsts[j])].before >= size/count*i })
		next = min(max(reached, next), len(firsts)-(count-i))
		at := place(firsts[next])
		sections = append(sections, Section{Start: groups[at].start, First: firsts[next], Before: groups[at].before})
		next++
	}
	for i := range sections {
		s, after, last := &sections[i], size, len(groups)
		if s.End = end; i+1 < len(sections) {
			s.End, after = sections[i+1].First, sections[i+1].Before
			last = sort.Search(len(groups), func(j int) bool { return groups[j].start.Document >= s.End })
		}
		s.Size = after - s.Before
		for _, g := range groups[place(s.First):last] {
			s.Checksum = combined(s.Checksum, g.checksum)
		}
	}
	return sections
}

// combined is the checksum of a text and a group after it.
func combined(text, group uint32) uint32 {
	return crc32.Update(text, castagnoli, binary.LittleEndian.AppendUint32(nil, group))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
