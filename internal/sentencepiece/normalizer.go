package sentencepiece

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"uer/internal/subword"
)

// blank is what a space becomes, so that it can be part of a piece.
const blank = "▁"

// normalizer prepares a line of text.
type normalizer struct {
	charsmap    *Charsmap // nil if characters stay as they are
	prefix      bool
	suffix      bool
	removeExtra bool
	space       string // what a space becomes
}

func newNormalizer(f *file) (n normalizer, err error) {
	n = normalizer{prefix: f.prefix, suffix: f.suffix, removeExtra: f.removeExtra, space: " "}
	if f.escape {
		n.space = blank
	}
	if len(f.charsmap) > 0 {
		n.charsmap, err = ParseCharsmap(f.charsmap)
	}
	return n, err
}

// first returns what the start of a text becomes, and how many bytes of it that replaces.
func (n *normalizer) first(text string, marked *subword.Trie) (becomes string, length int) {
	if marked != nil {
		if length, _ := marked.Longest(text); length > 0 {
			return text[:length], length
		}
	}
	r, size := rune(text[0]), 1
	if r >= utf8.RuneSelf {
		r, size = utf8.DecodeRuneInString(text)
	}
	if n.charsmap != nil && n.charsmap.begins(r) {
		if length, with := n.charsmap.Longest(text); length > 0 {
			return borrowed(with), length
		}
	}
	if r == utf8.RuneError && size == 1 {
		return string(utf8.RuneError), 1
	}
	return text[:size], size
}

// append appends the normalised form of a line to to.
func (n *normalizer) append(to []byte, line string, marked *subword.Trie) []byte {
	for n.removeExtra && line != "" {
		becomes, length := n.first(line, marked)
		if becomes != " " {
			break
		}
		line = line[length:]
	}
	if line == "" {
		return to
	}
	begin := len(to)
	if n.prefix && !n.suffix {
		to = append(to, n.space...)
	}
	afterSpace := n.removeExtra
	for line != "" {
		becomes, length := n.first(line, marked)
		line = line[length:]
		for afterSpace && strings.HasPrefix(becomes, " ") {
			becomes = becomes[1:]
		}
		if becomes == "" {
			continue
		}
		to = n.appendEscaped(to, becomes)
		afterSpace = n.removeExtra && becomes[len(becomes)-1] == ' '
	}
	for n.removeExtra && bytes.HasSuffix(to[begin:], []byte(n.space)) {
		to = to[:len(to)-len(n.space)]
	}
	if n.prefix && n.suffix {
		to = append(to, n.space...)
	}
	return to
}

func (n *normalizer) appendEscaped(to []byte, text string) []byte {
	for {
		before, after, found := strings.Cut(text, " ")
		to = append(to, before...)
		if !found {
			return to
		}
		to = append(to, n.space...)
		text = after
	}
}
