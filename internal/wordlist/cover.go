package wordlist

import (
	"fmt"
	"slices"

	"uer/internal/tokenizer"
)

// Coverage says how much of a text a vocabulary knows.
type Coverage struct {
	Words   int64    // of the text
	Unknown int64    // of these, the words that make an unknown token
	Tokens  int64    // that the words make
	Missing []string // the most frequent unknown words, quoted
}

// Known returns the share of the words that are known.
func (c *Coverage) Known() float64 { return 1 - float64(c.Unknown)/float64(max(c.Words, 1)) }

// TokensPerWord returns the number of tokens that a word makes on average.
func (c *Coverage) TokensPerWord() float64 { return float64(c.Tokens) / float64(max(c.Words, 1)) }

// Cover tokenizes the words of a text, each by itself.
func Cover(model *tokenizer.Model, counts Counts) Coverage {
	const listed, longest = 10, 64
	var c Coverage
	missing := Counts{}
	t := model.New()
	var ids []int32
	for word, n := range counts {
		ids = t.AppendIDs(ids[:0], word)
		c.Words += n
		c.Tokens += n * int64(len(ids))
		if slices.Contains(ids, model.Vocabulary.Unknown) {
			c.Unknown += n
			missing[word] = n
		}
	}
	words := missing.byCount(1)
	for _, word := range words[:min(len(words), listed)] {
		c.Missing = append(c.Missing, fmt.Sprintf("%.*q", longest, word))
	}
	return c
}
