package instance

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"uer/internal/corpus"
	"uer/internal/task"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

// Bounds of UnknownWords: different words, documents that they are taken from, and bytes of a word.
const (
	maxUnknownWords     = 4096
	maxUnknownDocuments = 1 << 12
	maxWordBytes        = 64
)

// UnknownWords counts words that the vocabulary lacks, in a sample of the documents: those whose hash ends with Level zero
// bits. Level is the smallest that keeps the bounds, so that the sample depends only on which documents there are.
type UnknownWords struct {
	Level     int
	Documents []int64            // with unknown words in the sample, by the level of their hash
	Words     map[string][]int64 // how often each occurs, by the level of the document's hash
}

// Word is an unknown word and how often the sample has it.
type Word struct {
	Text  string
	Count int64
}

// at makes room for a level and returns its count.
func at(counts *[]int64, level int) *int64 {
	for len(*counts) <= level {
		*counts = append(*counts, 0)
	}
	return &(*counts)[level]
}

// document counts a document with unknown words and reports whether it is in the sample.
func (u *UnknownWords) document(level int) bool {
	if level < u.Level {
		return false
	}
	*at(&u.Documents, level)++
	return true
}

func (u *UnknownWords) word(level int, word []byte) {
	if u.Words == nil {
		u.Words = map[string][]int64{}
	}
	counts := u.Words[string(word)]
	*at(&counts, level)++
	u.Words[string(word)] = counts
}

// bound raises Level until the bounds are kept.
func (u *UnknownWords) bound() {
	for {
		documents := int64(0)
		for _, count := range u.Documents {
			documents += count
		}
		if len(u.Words) <= maxUnknownWords && documents <= maxUnknownDocuments {
			return
		}
		u.raise(u.Level + 1)
	}
}

func (u *UnknownWords) raise(level int) {
	u.Level = level
	clear(u.Documents[:min(level, len(u.Documents))])
	for word, counts := range u.Words {
		clear(counts[:min(level, len(counts))])
		if !slices.ContainsFunc(counts, func(n int64) bool { return n > 0 }) {
			delete(u.Words, word)
		}
	}
}

// Add adds the words of another part of the corpus.
func (u *UnknownWords) Add(more *UnknownWords) {
	if more.Level > u.Level {
		u.raise(more.Level)
	}
	if u.Words == nil {
		u.Words = map[string][]int64{}
	}
	sum := func(to *[]int64, from []int64) {
		for level, count := range from {
			if level >= u.Level && count > 0 {
				*at(to, level) += count
			}
		}
	}
	sum(&u.Documents, more.Documents)
	for word, counts := range more.Words {
		if mine := u.Words[word]; sumFrom(counts, u.Level) > 0 {
			sum(&mine, counts)
			u.Words[word] = mine
		}
	}
	u.bound()
}

func sumFrom(counts []int64, level int) (sum int64) {
	for _, count := range counts[min(level, len(counts)):] {
		sum += count
	}
	return sum
}

// Top returns the most frequent words, at most n of them.
func (u *UnknownWords) Top(n int) []Word {
	var words []Word
	for word, counts := range u.Words {
		words = append(words, Word{word, sumFrom(counts, u.Level)})
	}
	slices.SortFunc(words, func(a, b Word) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Text, b.Text))
	})
	return words[:min(n, len(words))]
}

// noteUnknown notes the words of a document that make unknown tokens when each is tokenized by itself.
func (w *worker) noteUnknown(text corpus.Document) {
	source := side{w.tokenizer, w.settings.Vocabulary, w.settings.Tokenizer.Name == "space"}
	switch w.task.Corpus {
	case task.PairLines:
		a, b, _ := strings.Cut(text.Sentences[0], "\t")
		w.noteUnknownIn(a, source)
		if w.task.Output {
			source = side{w.targetTokenizer, w.settings.TargetVocabulary, w.settings.TargetTokenizer.Name == "space"}
		}
		w.noteUnknownIn(b, source)
	case task.LabelLines:
		_, columns, _ := strings.Cut(text.Sentences[0], "\t")
		w.noteUnknownIn(columns, source)
	default:
		for _, sentence := range text.Sentences {
			w.noteUnknownIn(sentence, source)
		}
	}
}

// side is how one of the two texts of a pair is tokenized.
type side struct {
	tokenizer  tokenizer.Tokenizer
	vocabulary *vocab.Vocabulary
	whole      bool // only white space divides words
}

func (w *worker) noteUnknownIn(text string, s side) {
	unknown := func(word string) bool {
		w.looked = s.tokenizer.AppendIDs(w.looked[:0], word)
		return slices.Contains(w.looked, s.vocabulary.Unknown)
	}
	notes := &w.portion.notes
	for field := range strings.FieldsSeq(text) {
		if !unknown(field) {
			continue
		}
		before := len(notes.ends)
		for word := range parts(field) {
			if !s.whole && unknown(word) {
				notes.addWord(word)
			}
		}
		if len(notes.ends) == before {
			notes.addWord(field)
		}
	}
}

// parts yields the words in a text without white space: ideographs, punctuation and symbols stand alone.
func parts(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start := 0
		for i, r := range text {
			if !unicode.In(r, unicode.Han, unicode.P, unicode.S) {
				continue
			}
			if start < i && !yield(text[start:i]) {
				return
			}
			start = i + len(string(r))
			if !yield(text[i:start]) {
				return
			}
		}
		if start < len(text) {
			yield(text[start:])
		}
	}
}
