// Package tokenizer splits text into tokens and returns their ids in a vocabulary.
//
// The tokenizers are UER-py's and give its ids: bert (uncased WordPiece), char (one token per character) and space (one
// per word). Unicode is treated as Python treats it, from white space to lower case, because ids depend on it. Text
// that the vocabulary lacks becomes [UNK], so any text can be tokenized. The one difference: space makes no token of a
// blank line.
//
// Tokenizers keep tables and buffers and do not allocate for each line.
package tokenizer

import (
	"strings"

	"uer/internal/vocab"
)

// Tokenizer splits lines of text into tokens. It reuses its buffers, so each goroutine needs its own.
type Tokenizer interface {
	// AppendIDs appends the ids of a line's tokens to ids and returns the extended slice.
	AppendIDs(ids []int32, line string) []int32
}

// ByName holds the constructors of the tokenizers by name.
var ByName = map[string]func(*vocab.Vocabulary) Tokenizer{
	"bert":  func(v *vocab.Vocabulary) Tokenizer { return newBert(v) },
	"char":  func(v *vocab.Vocabulary) Tokenizer { return char{newSingles(v)} },
	"space": func(v *vocab.Vocabulary) Tokenizer { return space{v} },
}

// char makes each code point a token, after trimming white space from both ends of the line.
type char struct{ singles }

func (c char) AppendIDs(ids []int32, line string) []int32 {
	for _, r := range strings.TrimFunc(line, vocab.IsSpace) {
		ids = append(ids, c.id(r))
	}
	return ids
}

// space splits a line at every single space, so that two spaces have an empty token between them. A blank line has no
// tokens.
type space struct{ vocabulary *vocab.Vocabulary }

func (s space) AppendIDs(ids []int32, line string) []int32 {
	line = strings.TrimFunc(line, vocab.IsSpace)
	if line == "" {
		return ids
	}
	for word := range strings.SplitSeq(line, " ") {
		ids = append(ids, s.vocabulary.ID(word))
	}
	return ids
}

// singles looks up the ids of one-character tokens without hashing.
type singles struct {
	vocabulary *vocab.Vocabulary
	table      []int32 // by code point, for the basic multilingual plane
}

func newSingles(v *vocab.Vocabulary) singles {
	s := singles{v, make([]int32, 1<<16)}
	for i := range s.table {
		s.table[i] = v.Unknown
	}
	for id := range int32(v.Size()) {
		if runes := []rune(v.Token(id)); len(runes) == 1 && int(runes[0]) < len(s.table) {
			s.table[runes[0]] = id
		}
	}
	return s
}

func (s singles) id(r rune) int32 {
	if int(r) < len(s.table) {
		return s.table[r]
	}
	return s.vocabulary.ID(string(r))
}
