package instance

import (
	"context"
	"fmt"
	"iter"

	"uer/internal/corpus"
)

// batchSize is the text, in bytes, that a worker takes at a time.
const batchSize = 1 << 16

// documents yields the documents of the corpus in the form of the target.
func (b *builder) documents() iter.Seq2[corpus.Document, error] {
	if b.target.sentences {
		return b.corpus.Documents()
	}
	return func(yield func(corpus.Document, error) bool) {
		for line, err := range b.corpus.Lines() {
			text := corpus.Document{Number: line.Number, Line: line.Number, End: line.End, Sentences: []string{line.Text}}
			if !yield(text, err) {
				return
			}
		}
	}
}

// batches groups documents for the workers.
func batches(documents iter.Seq2[corpus.Document, error]) iter.Seq2[[]corpus.Document, error] {
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
			if size >= batchSize {
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

// stream builds each document by itself.
func (b *builder) stream(ctx context.Context) error {
	for pass := range b.settings.passes() {
		build := func(w *worker, texts []corpus.Document) (*batch, error) {
			return b.buildTexts(w, texts, pass)
		}
		deliver := func(made *batch) error {
			return b.deliver(made, pass, pass*b.corpus.Size+made.end)
		}
		if err := ordered(ctx, b.workers, batches(b.documents()), build, deliver); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) buildTexts(w *worker, texts []corpus.Document, pass int) (*batch, error) {
	made := b.newBatch(w)
	for _, text := range texts {
		found, err := w.read(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", b.corpus.Path, text.Line, err)
		}
		if !found {
			continue
		}
		before := made.statistics.Instances
		w.alone[0] = w.document
		w.target.build(w, w.alone[:], 0, w.random(pass, text.Number))
		if made.statistics.Instances > before {
			made.statistics.Documents++
		}
		made.end = text.End
	}
	return made, nil
}
