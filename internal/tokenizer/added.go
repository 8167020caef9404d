package tokenizer

import (
	"bytes"
	"iter"
	"unicode"
	"unicode/utf8"

	"uer/internal/subword"
	"uer/internal/vocab"
)

// addedToken is a token that was added to a model. Unless it is special, it is looked for in text before text is split, as by
// Hugging Face's library: the first one that a text has, and of those that begin there the longest.
type addedToken struct {
	ID         int32
	Content    string
	Special    bool // no text becomes it, but neither a token that begins within its name
	SingleWord bool `json:"single_word"` // only where no letters, digits and the like are next to it
	Left       bool `json:"lstrip"`      // with the white space before it
	Right      bool `json:"rstrip"`
	Normalized bool // looked for in normalised text, and normalised itself
}

// addedTokens divides text at added tokens.
type addedTokens struct {
	trie   *subword.Trie // of what they look like; the ids are indices of tokens
	tokens []addedToken
}

// newAddedTokens returns nil if text becomes none of the tokens.
func newAddedTokens(tokens []addedToken) *addedTokens {
	a := &addedTokens{}
	var looks []string
	var indices []int32
	seen, inText := map[string]bool{}, false
	for _, special := range []bool{true, false} { // of two that look alike, the special one counts
		for _, t := range tokens {
			if t.Special != special || t.Content == "" || seen[t.Content] {
				continue
			}
			seen[t.Content], inText = true, inText || !special
			looks, indices = append(looks, t.Content), append(indices, int32(len(a.tokens)))
			a.tokens = append(a.tokens, t)
		}
	}
	if !inText {
		return nil
	}
	a.trie = subword.NewTrie(looks, indices)
	return a
}

// looksInText reports whether text is to be searched for added tokens, and whether normalised text is.
func (d *description) looksInText() (inText, inNormalized bool) {
	for _, t := range d.AddedTokens {
		inText, inNormalized = inText || !t.Special, inNormalized || !t.Special && t.Normalized
	}
	return inText, inNormalized
}

// divide returns the parts of a text between the tokens, which may be empty, each with the id of the token that follows it;
// vocab.Absent follows the last one.
func (a *addedTokens) divide(text []byte) iter.Seq2[[]byte, int32] {
	return func(yield func([]byte, int32) bool) {
		taken := 0
		for at := 0; a != nil && at < len(text); {
			length, index := a.trie.Longest(borrowed(text[at:]))
			if length == 0 {
				at++
				continue
			}
			t := a.tokens[index]
			before, after := text[:at], text[at+length:]
			at += length // white space that the token takes may be the beginning of the next one
			if t.Special || t.SingleWord && (endsWithWord(before) || startsWithWord(after)) {
				continue
			}
			if t.Left {
				before = bytes.TrimRightFunc(before, isWhite)
			}
			if t.Right {
				after = bytes.TrimLeftFunc(after, isWhite)
			}
			if !yield(before[min(taken, len(before)):], t.ID) {
				return
			}
			taken = len(text) - len(after)
		}
		yield(text[taken:], vocab.Absent)
	}
}

func endsWithWord(text []byte) bool {
	r, size := utf8.DecodeLastRune(text)
	return size > 0 && isWordCharacter(r)
}

func startsWithWord(text []byte) bool {
	r, size := utf8.DecodeRune(text)
	return size > 0 && isWordCharacter(r)
}

// isWordCharacter reports whether \w of Unicode's regular expressions (UTS #18, annex C) matches.
func isWordCharacter(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
