package instance

import (
	"fmt"
	"iter"

	"uer/internal/corpus"
	"uer/internal/task"
)

// groupSize is the number of bytes of text that a worker takes at a time.
const groupSize = 1 << 16

// division is how the corpus is divided into documents: runs of lines where the target needs sentences, else single lines.
func (b *builder) division() corpus.Division {
	if b.task.Corpus == task.SentenceLines {
		return corpus.ByBlankLine
	}
	return corpus.ByLine
}

// groups divides the corpus among the workers.
func (b *builder) groups() iter.Seq2[corpus.Block, error] {
	return func(yield func(corpus.Block, error) bool) {
		for group, err := range b.corpus.Blocks(b.division(), groupSize, corpus.Start) {
			b.lines += group.End.Line - group.Start.Line
			if !yield(group, err) {
				return
			}
		}
	}
}

// stream yields the work of building each document as soon as it is read.
func (b *builder) stream(yield func(step, error) bool) {
	for group, err := range b.groups() {
		if !yield(func(w *worker) (*portion, error) { return b.buildGroup(w, group) }, err) {
			return
		}
	}
}

func (b *builder) buildGroup(w *worker, group corpus.Block) (*portion, error) {
	made := b.newPortion(w)
	made.done = group.Stored
	err := w.read(group, func(d *document) error {
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

// read tokenizes the documents of a group and uses those that have tokens; a document is valid until use returns.
func (w *worker) read(group corpus.Block, use func(*document) error) error {
	s := &w.portion.statistics
	bad := w.reader.BadLines
	defer func() { s.BadLines += w.reader.BadLines - bad }()
	for text, err := range w.reader.Documents(group) {
		if err != nil {
			return err
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
	return nil
}
