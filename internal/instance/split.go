package instance

import (
	"fmt"
	"strings"

	"uer/internal/console"
	"uer/internal/corpus"
	"uer/internal/random"
)

// Split is a part of the documents of a corpus: those that a fraction is held out of, or the ones held out. Each document
// is in one of the two parts, by its text alone: neither its place in the corpus nor a seed counts, documents with the same
// text are in the same part, and a larger fraction holds out more documents besides those of a smaller one. The zero Split
// is the whole corpus.
type Split struct {
	Fraction float64 // of the documents, held out
	HeldOut  bool    // whether this is the part that is held out
}

// has reports whether a document is in the part.
func (s Split) has(sentences []string) bool {
	return s.Fraction == 0 || (place(sentences) < s.Fraction) == s.HeldOut
}

// share returns the share of the documents that is in the part.
func (s Split) share() float64 {
	if s.HeldOut {
		return s.Fraction
	}
	return 1 - s.Fraction
}

// errTooFew is the error of a part without documents, or with one, which is too few to say anything.
func (s Split) errTooFew(documents int64, c *corpus.Corpus) error {
	part := "left for training"
	if s.HeldOut {
		part = "held out"
	}
	err := fmt.Errorf("%s: %d of its documents are %s", c.Name(), documents, part)
	return console.Hint(err, fmt.Sprintf("--dev_fraction is %g: choose another one, or a larger corpus", s.Fraction))
}

// place maps a text to a number from 0 to 1. White space at the ends of lines makes no difference.
func place(sentences []string) float64 {
	const offset, prime = 0xcbf29ce484222325, 0x100000001b3 // FNV-1a
	hash := uint64(offset)
	add := func(b byte) { hash = (hash ^ uint64(b)) * prime }
	for _, sentence := range sentences {
		for _, b := range []byte(strings.TrimSpace(sentence)) {
			add(b)
		}
		add('\n')
	}
	return float64(random.Mix(hash)>>11) / (1 << 53)
}
