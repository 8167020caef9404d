package instance

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"uer/internal/console"
	"uer/internal/corpus"
)

// shareSize is the number of buffered documents that a worker builds at a time.
const shareSize = 64

// buffered reads documents into a buffer and builds each of them with all others of the buffer at hand.
func (b *builder) buffered(ctx context.Context) error {
	next, stop := iter.Pull2(b.corpus.Documents(b.division()))
	defer stop()
	var ahead []corpus.Document
	for start, pieces := 0, 0; ; {
		texts, rest, err := fill(ahead, b.settings.DocumentsBufferSize, next)
		if err != nil || len(texts) == 0 {
			return err
		}
		ahead = rest
		last := texts[len(texts)-1]
		if b.recipe.needsOthers && last.Number == 1 {
			return b.errSingleDocument(last)
		}
		documents, err := b.tokenize(ctx, texts)
		if err != nil {
			return err
		}
		b.statistics.Documents += int64(len(documents))
		if b.recipe.needsOthers && b.statistics.Documents == 1 && len(ahead) == 0 {
			return b.errSingleDocument(last)
		}
		if b.settings.FullSentences {
			documents = b.workers[0].join(documents, pieces)
			pieces += len(documents)
		}
		if err := b.buildBuffer(ctx, documents, start, last.Stored); err != nil {
			return err
		}
		start = last.Stored
	}
}

// fill takes size documents, or one more if only one would be left, since a single document cannot be paired. It also
// returns the documents that it has read ahead.
func fill(ahead []corpus.Document, size int, next func() (corpus.Document, error, bool)) (
	texts, rest []corpus.Document, err error) {
	texts = ahead
	for len(texts)-2 < size {
		text, err, more := next()
		if err != nil {
			return nil, nil, err
		}
		if !more {
			return texts, nil, nil
		}
		texts = append(texts, text)
	}
	return texts[:size], slices.Clone(texts[size:]), nil
}

// tokenize returns the documents that have tokens.
func (b *builder) tokenize(ctx context.Context, texts []corpus.Document) ([]document, error) {
	all := func(yield func(corpus.Document, error) bool) {
		for _, text := range texts {
			if !yield(text, nil) {
				return
			}
		}
	}
	read := func(w *worker, texts []corpus.Document) ([]document, error) {
		documents := make([]document, 0, len(texts))
		for _, text := range texts {
			found, err := w.read(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", text.Place(), err)
			}
			if found {
				d := w.document
				d.tokens, d.ends = slices.Clone(d.tokens), slices.Clone(d.ends)
				documents = append(documents, d)
			}
		}
		return documents, nil
	}
	var documents []document
	err := ordered(ctx, b.workers, groups(all), read, func(more []document) error {
		documents = append(documents, more...)
		return nil
	})
	return documents, err
}

// buildBuffer makes all passes through the buffered documents, which lie between two places in the corpus.
func (b *builder) buildBuffer(ctx context.Context, documents []document, start, end int) error {
	type share struct{ first, last int }
	shares := func(yield func(share, error) bool) {
		for first := 0; first < len(documents); first += shareSize {
			if !yield(share{first, min(first+shareSize, len(documents))}, nil) {
				return
			}
		}
	}
	passes, build := b.settings.passes(), b.recipe.build
	if b.settings.FullSentences {
		build = buildPiece
	}
	for pass := range passes {
		work := func(w *worker, s share) (*portion, error) {
			made := b.newPortion(w)
			for i := s.first; i < s.last; i++ {
				build(w, documents, i, w.random(pass, documents[i].number))
			}
			made.end = s.last
			return made, nil
		}
		deliver := func(made *portion) error {
			return b.deliver(made, pass, start*passes+(end-start)*pass+(end-start)*made.end/len(documents))
		}
		if err := ordered(ctx, b.workers, shares, work, deliver); err != nil {
			return err
		}
	}
	return nil
}

// errSingleDocument explains that a corpus without an empty line is one document.
func (b *builder) errSingleDocument(last corpus.Document) error {
	err := fmt.Errorf("%s: %s lines make 1 document; target %s needs %s", b.corpus.Name(),
		console.Count(last.Line+len(last.Sentences)-1), b.task.Name, b.task.Corpus)
	return console.Hint(err, "if each line is a document, use --target mlm")
}
