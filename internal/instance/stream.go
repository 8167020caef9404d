package instance

import (
	"fmt"

	"uer/internal/corpus"
)

// groupSize is the number of bytes of text that a worker takes at a time.
const groupSize = 1 << 16

// groups divides the text among the workers.
func (b *builder) groups(yield func(corpus.Block, error) bool) {
	for group, err := range b.corpus.Blocks(b.settings.division(), groupSize, b.section.Start) {
		if err == nil && group.Start.Document >= b.section.End {
			return
		}
		if group.Start.Document >= b.section.First { // else the section before counts them
			b.lines += group.End.Line - group.Start.Line
		}
		if b.settings.Section != nil {
			b.checksum = combined(b.checksum, group.Checksum())
		}
		if !yield(group, err) {
			return
		}
	}
}

// stream yields the work of building each document as soon as it is read.
func (b *builder) stream(yield func(step, error) bool) {
	for group, err := range b.groups {
		if !yield(func(w *worker) (*portion, error) { return b.buildGroup(w, group) }, err) {
			return
		}
	}
}

func (b *builder) buildGroup(w *worker, group corpus.Block) (*portion, error) {
	made := b.newPortion(w)
	made.done = group.Stored
	err := w.read(group, b.section, func(d *document) error {
		before := made.statistics.Instances
		w.alone[0] = *d
		w.recipe.build(w, w.alone[:], 0, w.random(0, d))
		if made.statistics.Instances > before {
			made.statistics.Documents++
		}
		return made.err
	})
	return made, err
}

// read tokenizes the documents of a group that are in the section and uses those that have tokens; a document is valid
// until use returns.
func (w *worker) read(group corpus.Block, section Section, use func(*document) error) error {
	s := &w.portion.statistics
	bad := w.reader.BadLines
	countBad := func(document int) { // whose document is the next one
		if document >= section.First && document < section.End {
			s.BadLines += w.reader.BadLines - bad
		}
		bad = w.reader.BadLines
	}
	for text, err := range w.reader.Documents(group) {
		if err != nil {
			return err
		}
		countBad(text.Number)
		if text.Number < section.First || text.Number >= section.End || !w.settings.Split.has(text.Sentences) {
			continue
		}
		skipped := s.Skipped
		if err := w.tokenize(text); err != nil {
			return fmt.Errorf("%s: %w", text.Place(), err)
		}
		w.note(text, s.Skipped > skipped)
		if len(w.document.tokens) == 0 {
			continue
		}
		if err := use(&w.document); err != nil {
			return err
		}
	}
	countBad(group.End.Document - 1)
	return nil
}
