package instance

import (
	"context"
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

// groups divides documents among the workers.
func groups(documents iter.Seq2[corpus.Document, error]) iter.Seq2[[]corpus.Document, error] {
	return func(yield func([]corpus.Document, error) bool) {
		var group []corpus.Document
		size := 0
		for document, err := range documents {
			if err != nil {
				if len(group) == 0 || yield(group, nil) {
					yield(nil, err)
				}
				return
			}
			group = append(group, document)
			for _, sentence := range document.Sentences {
				size += len(sentence) + 1
			}
			if size >= groupSize {
				if !yield(group, nil) {
					return
				}
				group, size = nil, 0
			}
		}
		if len(group) > 0 {
			yield(group, nil)
		}
	}
}

// stream builds each document on its own.
func (b *builder) stream(ctx context.Context) error {
	for pass := range b.settings.passes() {
		build := func(w *worker, block corpus.Block) (*portion, error) {
			return b.buildBlock(w, block, pass)
		}
		deliver := func(made *portion) error {
			return b.deliver(made, pass, pass*b.corpus.Size+made.end)
		}
		if err := ordered(ctx, b.workers, b.corpus.Blocks(b.division(), groupSize, corpus.Start), build, deliver); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) buildBlock(w *worker, block corpus.Block, pass int) (*portion, error) {
	made := b.newPortion(w)
	made.end = block.Stored
	for text, err := range w.reader.Documents(block) {
		if err != nil {
			return nil, err
		}
		found, err := w.read(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text.Place(), err)
		}
		if !found {
			continue
		}
		before := made.statistics.Instances
		w.alone[0] = w.document
		w.recipe.build(w, w.alone[:], 0, w.random(pass, text.Number))
		if made.statistics.Instances > before {
			made.statistics.Documents++
		}
	}
	return made, nil
}
