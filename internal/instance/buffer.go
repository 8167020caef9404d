package instance

import (
	"errors"
	"math"
	"slices"
	"sync"

	"uer/internal/console"
	"uer/internal/corpus"
)

// shareSize is the number of buffered tokens that a worker builds at a time.
const shareSize = 1 << 14

// A buffer holds documents that are at hand together: those from number first to end-1.
type buffer struct {
	first        int
	documents    []document
	before, size int // bytes of the corpus before it and in it
}

// group is a group of the corpus, tokenized.
type group struct{ documents []document }

// buffered yields the work of reading documents into a buffer, and then of building each of them with all others of the
// buffer at hand, in as many passes as there are.
func (b *builder) buffered(yield func(step, error) bool) {
	var (
		cut       = newCut(b.settings, b.section.First)
		groups    []*group // that documents of the buffer are in
		reading   sync.WaitGroup
		read, end = b.section.Before, b.section.Before // bytes of the corpus: so far, and up to the last buffer's end
	)
	build := func(first, last int) bool {
		reading.Wait()
		filled := buffer{first: first, documents: take(&groups, last), before: end, size: read - end}
		end = read
		return b.passes(filled, yield)
	}
	for text, err := range b.groups {
		if err != nil {
			yield(nil, err)
			return
		}
		g, done := new(group), end*b.settings.passes()
		groups = append(groups, g)
		reading.Add(1)
		if !yield(func(w *worker) (*portion, error) {
			defer reading.Done()
			made := b.newPortion(w) // counts, but has no instances
			made.done = done
			return made, w.fill(g, text, b.section)
		}, nil) {
			return
		}
		read = text.Stored
		cut.add(text)
		for first := cut.first; cut.next(); first = cut.first {
			if !build(first, cut.first) {
				return
			}
		}
	}
	build(cut.first, math.MaxInt)
}

// errAlone means that a part of the corpus has a document that would be paired with itself.
var errAlone = console.Hint(errors.New("a document of this part of the corpus is alone in memory, but the target needs another one"),
	"hold out more documents with --dev_fraction, or keep more in memory with --docs_buffer_size")

// take removes the documents with numbers below last from groups.
func take(groups *[]*group, last int) (documents []document) {
	for i, g := range *groups {
		count, _ := slices.BinarySearchFunc(g.documents, last, func(d document, last int) int { return d.number - last })
		documents = append(documents, g.documents[:count]...)
		if g.documents = g.documents[count:]; len(g.documents) > 0 {
			*groups = (*groups)[i:]
			return documents
		}
	}
	*groups = nil
	return documents
}

// passes yields the work of making all passes through a buffer.
func (b *builder) passes(filled buffer, yield func(step, error) bool) bool {
	build := b.recipe.build
	if b.recipe.needsOthers && len(filled.documents) == 1 && b.settings.Split.Fraction > 0 {
		yield(nil, errAlone)
		return false
	}
	if b.settings.FullSentences {
		filled.documents = b.settings.join(filled)
		build = buildPiece
	}
	passes := b.settings.passes()
	for pass := range passes {
		for first := 0; first < len(filled.documents); {
			last := first
			for tokens := 0; last < len(filled.documents) && tokens < shareSize; last++ {
				tokens += len(filled.documents[last].tokens)
			}
			done := filled.before*passes + filled.size*pass + filled.size*last/len(filled.documents)
			share := [2]int{first, last}
			if !yield(func(w *worker) (*portion, error) {
				made := b.newPortion(w)
				made.done = done
				for i := share[0]; i < share[1]; i++ {
					build(w, filled.documents, i, w.random(pass, &filled.documents[i]))
				}
				return made, made.err
			}, nil) {
				return false
			}
			first = last
		}
	}
	return true
}

// collection is what a worker has read of a group, each kind in one list.
type collection struct {
	documents []document
	tokens    []int32
	ends      []int32
}

// fill tokenizes a group of the corpus. It takes as much memory as the tokens need.
func (w *worker) fill(g *group, text corpus.Block, section Section) error {
	c := &w.collected
	*c = collection{c.documents[:0], c.tokens[:0], c.ends[:0]}
	err := w.read(text, section, func(d *document) error {
		w.portion.statistics.Documents++
		c.documents = append(c.documents, *d)
		c.tokens = append(c.tokens, d.tokens...)
		c.ends = append(c.ends, d.ends...)
		return nil
	})
	g.documents = slices.Clone(c.documents)
	tokens, ends := slices.Clone(c.tokens), slices.Clone(c.ends)
	for i := range g.documents {
		d := &g.documents[i]
		n, m := len(d.tokens), len(d.ends)
		d.tokens, tokens = tokens[:n:n], tokens[n:]
		d.ends, ends = ends[:m:m], ends[m:]
	}
	return err
}
