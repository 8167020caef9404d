package instance

import (
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"uer/internal/corpus"
	"uer/internal/task"
)

// notes are what a worker finds out about documents, beside counts.
type notes struct {
	hashes []uint64 // of all documents
	words  []byte   // unknown ones, of some documents, one after the other
	ends   []int    // of each word
	found  []found
}

// found says which unknown words a document has: those up to a number that no earlier document has.
type found struct{ level, words int }

func (n *notes) reset() { *n = notes{n.hashes[:0], n.words[:0], n.ends[:0], n.found[:0]} }

// addWord adds a copy of a word, or of the beginning of a long one.
func (n *notes) addWord(word string) {
	end := min(len(word), maxWordBytes)
	for end < len(word) && !utf8.RuneStart(word[end]) {
		end--
	}
	n.words = append(n.words, word[:end]...)
	if end < len(word) {
		n.words = append(n.words, "…"...)
	}
	n.ends = append(n.ends, len(n.words))
}

// note counts a document that has been tokenized.
func (w *worker) note(text corpus.Document, skipped bool) {
	d, p, v := &w.document, w.portion, w.settings.Vocabulary
	s := &p.statistics
	hash := hashOf(text.Sentences)
	p.notes.hashes = append(p.notes.hashes, hash)
	if len(d.tokens) == 0 {
		if !skipped {
			s.Empty++
		}
		return
	}
	s.Text += int64(len(d.tokens))
	if w.task.Corpus == task.SentenceLines && len(d.ends) == 1 {
		s.Single++
	}
	tokens, unknown := d.tokens, int64(0)
	if w.task.Output {
		unknown = occurrences(d.between(1, 2), w.settings.TargetVocabulary.Unknown)
		tokens = d.between(0, 1)
	}
	unknown += occurrences(tokens, v.Unknown)
	s.Unknown += unknown
	if level := levelOf(hash); unknown > 0 && level >= int(w.unknownLevel.Load()) {
		w.noteUnknown(text)
		p.notes.found = append(p.notes.found, found{level, len(p.notes.ends)})
	}
}

// hashOf is a hash of a document's sentences and of where they end.
func hashOf(sentences []string) (hash uint64) {
	for _, sentence := range sentences {
		hash = xxh3.HashStringSeed(sentence, hash+1)
	}
	return hash
}

func occurrences(ids []int32, id int32) (count int64) {
	for _, other := range ids {
		if other == id {
			count++
		}
	}
	return count
}

// take adds a portion's counts and notes to the totals.
func (b *builder) take(p *portion) {
	s := &b.statistics
	s.Add(&p.statistics)
	for _, hash := range p.notes.hashes {
		s.Duplicates.add(hash, 1)
	}
	start, first := 0, 0
	for _, f := range p.notes.found {
		sampled := s.UnknownWords.document(f.level)
		for _, end := range p.notes.ends[first:f.words] {
			if sampled {
				s.UnknownWords.word(f.level, p.notes.words[start:end])
			}
			start = end
		}
		first = f.words
		s.UnknownWords.bound()
	}
	b.unknownLevel.Store(int64(s.UnknownWords.Level))
}
