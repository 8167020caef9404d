package tokenizer

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"

	"uer/internal/sentencepiece"
)

// isWhite reports whether Rust's char::is_whitespace holds.
func isWhite(r rune) bool { return unicode.IsSpace(r) }

func normalForm(form norm.Form) step {
	return func(to, text []byte) []byte { return form.Append(to, text...) }
}

// lowerEach lowers the case of each character by itself.
func lowerEach(to, text []byte) []byte {
	var one [1]rune
	for i, size := 0, 0; i < len(text); i += size {
		if text[i] < utf8.RuneSelf {
			c := text[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			to, size = append(to, c), 1
			continue
		}
		one[0], size = utf8.DecodeRune(text[i:])
		to = appendLower(to, one[:])
	}
	return to
}

// dropMarks drops combining marks.
func dropMarks(to, text []byte) []byte {
	for i, size := 0, 0; i < len(text); i += size {
		var r rune
		r, size = utf8.DecodeRune(text[i:])
		if r < utf8.RuneSelf || !unicode.In(r, unicode.M, olderCombining) || unicode.Is(newerCombining, r) {
			to = append(to, text[i:i+size]...)
		}
	}
	return to
}

func replaceAll(old, with []byte) step {
	return func(to, text []byte) []byte {
		for {
			before, after, found := bytes.Cut(text, old)
			to = append(to, before...)
			if !found {
				return to
			}
			to, text = append(to, with...), after
		}
	}
}

// replaceSpaces replaces each run of two or more spaces.
func replaceSpaces(with []byte) step {
	return func(to, text []byte) []byte {
		for i := 0; i < len(text); {
			end := i
			for end < len(text) && text[end] == ' ' {
				end++
			}
			switch {
			case end-i >= 2:
				to, i = append(to, with...), end
			default:
				to, i = append(to, text[i]), i+1
			}
		}
		return to
	}
}

// trimSpaces drops the spaces at both ends, and no other white space.
func trimSpaces(to, text []byte) []byte { return append(to, bytes.Trim(text, " ")...) }

func prepend(prefix []byte) step {
	return func(to, text []byte) []byte {
		if len(text) > 0 {
			to = append(to, prefix...)
		}
		return append(to, text...)
	}
}

func trim(left, right bool) step {
	return func(to, text []byte) []byte {
		if left {
			text = bytes.TrimLeftFunc(text, isWhite)
		}
		if right {
			text = bytes.TrimRightFunc(text, isWhite)
		}
		return append(to, text...)
	}
}

// mapCharacters replaces characters as a model of SentencePiece does, in the way of Hugging Face: a character with the marks
// that belong to it is replaced as a whole if it is short, even by what stands for its first character.
func mapCharacters(c *sentencepiece.Charsmap) step {
	const short = 6 // bytes
	return func(to, text []byte) []byte {
		state := -1
		for len(text) > 0 {
			if len(text) == 1 || text[0] < utf8.RuneSelf && text[1] < utf8.RuneSelf && text[0] != '\r' {
				to = c.AppendShortest(to, text[:1])
				text, state = text[1:], -1
				continue
			}
			var cluster []byte
			cluster, text, _, state = uniseg.FirstGraphemeCluster(text, state)
			if len(cluster) < short {
				if with, found := c.Shortest(cluster); found {
					to = append(to, with...)
					continue
				}
			}
			for i, size := 0, 0; i < len(cluster); i += size {
				_, size = utf8.DecodeRune(cluster[i:])
				to = c.AppendShortest(to, cluster[i:i+size])
			}
		}
		return to
	}
}
