// Package tokenizer splits text into tokens and returns their ids in a vocabulary.
//
// The tokenizers are UER-py's and give its ids: bert (WordPiece), char (one token per character) and space (one per
// word). Unicode is treated as Python treats it, from white space to lower case, because ids depend on it. Text that the
// vocabulary lacks becomes [UNK], so any text can be tokenized. The one difference: space splits at any white space, where
// UER-py splits at single spaces and makes unknown tokens of what is between two of them.
//
// Tokenizers keep tables and buffers and do not allocate for each line.
package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"uer/internal/vocab"
)

// Tokenizer splits lines of text into tokens. It reuses its buffers, so each goroutine needs its own.
type Tokenizer interface {
	// AppendIDs appends the ids of a line's tokens to ids and returns the extended slice.
	AppendIDs(ids []int32, line string) []int32
}

// Model is a tokenizer as it was read from its files. It is immutable and safe for concurrent use.
type Model struct {
	Name       string // as --tokenizer gives it, or the kind of file that gives it
	Settings   string // what else its ids depend on besides the vocabulary, in the words of the flags
	Vocabulary *vocab.Vocabulary

	make    func() Tokenizer
	changes func(token string) bool // whether text that spells a token is changed; nil if none is
}

// New returns a tokenizer for one goroutine.
func (m *Model) New() Tokenizer { return m.make() }

// ByName holds the tokenizers that need no file but a vocabulary, by name.
var ByName = map[string]func(*vocab.Vocabulary) *Model{
	"bert": func(v *vocab.Vocabulary) *Model { return bertModel(v, ofUER) },
	"char": func(v *vocab.Vocabulary) *Model {
		c := char{newSingles(all(v))}
		return &Model{Name: "char", Vocabulary: v, make: func() Tokenizer { return c }}
	},
	"space": func(v *vocab.Vocabulary) *Model {
		return &Model{Name: "space", Vocabulary: v, make: func() Tokenizer { return space{v} }}
	},
}

func bertModel(v *vocab.Vocabulary, r rules) *Model {
	settings := fmt.Sprintf("--do_lower_case %t", r.lower)
	if !r.uer {
		settings += fmt.Sprintf(" --strip_accents %t", r.strip)
	}
	return &Model{Name: "bert", Settings: settings, Vocabulary: v, make: newBert(all(v), r), changes: r.changesText}
}

// char makes each code point a token, after trimming white space from both ends of the line.
type char struct{ singles }

func (c char) AppendIDs(ids []int32, line string) []int32 {
	for _, r := range strings.TrimFunc(line, vocab.IsSpace) {
		ids = append(ids, c.id(r))
	}
	return ids
}

// space splits a line at white space.
type space struct{ vocabulary *vocab.Vocabulary }

func (s space) AppendIDs(ids []int32, line string) []int32 {
	for word := range strings.FieldsFuncSeq(line, vocab.IsSpace) {
		ids = append(ids, s.vocabulary.ID(word))
	}
	return ids
}

// known looks up what text may become: the tokens of a vocabulary before those that were added to it.
type known struct {
	vocabulary *vocab.Vocabulary
	end        int32 // the id of the first token that was added
}

// all returns a vocabulary to which no token was added.
func all(v *vocab.Vocabulary) known { return known{v, int32(v.Size())} }

func (k known) lookup(token []byte) (id int32, found bool) {
	id, found = k.vocabulary.LookupBytes(token)
	return id, found && id < k.end
}

// singles looks up the ids of one-character tokens without hashing.
type singles struct {
	known
	table []int32 // by code point, for the basic multilingual plane
}

func newSingles(k known) singles {
	s := singles{k, make([]int32, 1<<16)}
	for i := range s.table {
		s.table[i] = k.vocabulary.Unknown
	}
	for id := range k.end {
		if runes := []rune(k.vocabulary.Token(id)); len(runes) == 1 && int(runes[0]) < len(s.table) {
			s.table[runes[0]] = id
		}
	}
	return s
}

func (s singles) id(r rune) int32 {
	if int(r) < len(s.table) {
		return s.table[r]
	}
	var character [utf8.UTFMax]byte
	if id, found := s.lookup(character[:utf8.EncodeRune(character[:], r)]); found {
		return id
	}
	return s.vocabulary.Unknown
}
