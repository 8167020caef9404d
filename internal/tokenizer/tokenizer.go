// Package tokenizer splits text into tokens of a vocabulary.
package tokenizer

import (
	"strings"

	"uer/internal/vocab"
)

// Tokenizer splits lines of text into tokens. A value reuses its buffers, so each goroutine needs its own.
type Tokenizer interface {
	// Tokens returns the tokens of a line; [UNK] stands for text that the vocabulary lacks.
	Tokens(line string) []string
	// AppendIDs appends the ids of the tokens to ids and returns the longer slice.
	AppendIDs(ids []int32, line string) []int32
}

// ByName makes the tokenizers by their names.
var ByName = map[string]func(*vocab.Vocabulary) Tokenizer{
	"bert":  func(v *vocab.Vocabulary) Tokenizer { return newBert(v) },
	"char":  func(v *vocab.Vocabulary) Tokenizer { return char{newSingles(v)} },
	"space": func(v *vocab.Vocabulary) Tokenizer { return space{v} },
}

// char makes a token of each code point between the white space at both ends of a line.
type char struct{ singles }

func (c char) Tokens(line string) []string { return tokens(c.vocabulary, c.AppendIDs(nil, line)) }

func (c char) AppendIDs(ids []int32, line string) []int32 {
	for _, r := range strings.TrimFunc(line, vocab.IsSpace) {
		ids = append(ids, c.id(r))
	}
	return ids
}

// space splits a line at each single space, so that two spaces have an empty token between them. A blank line has no
// token.
type space struct{ vocabulary *vocab.Vocabulary }

func (s space) Tokens(line string) []string { return tokens(s.vocabulary, s.AppendIDs(nil, line)) }

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

func tokens(v *vocab.Vocabulary, ids []int32) []string {
	tokens := make([]string, len(ids))
	for i, id := range ids {
		tokens[i] = v.Token(id)
	}
	return tokens
}

// singles finds the ids of tokens of one character without hashing them.
type singles struct {
	vocabulary *vocab.Vocabulary
	table      []int32 // by code point, of the basic multilingual plane
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
