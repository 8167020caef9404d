package tokenizer

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// class is how the bert tokenizer treats a character.
type class uint8

const (
	plain       class = iota // part of a word, unchanged
	capital                  // an ASCII capital: part of a word, in lower case
	mapped                   // replaced with the result of normalized
	contextual               // replaced depending on the characters around it
	punctuation              // a token of its own
	ideograph                // a token of its own that also ends a piece
	isolated                 // an ideograph that is replaced with the result of normalized
	blank                    // separates words
	dropped                  // ignored
)

// tabulated is the number of characters whose class is looked up in a table; the ones above are rare.
const tabulated = 0x20000

var classes = sync.OnceValue(func() *[tabulated]class {
	table := new([tabulated]class)
	for r := range rune(tabulated) {
		table[r] = classify(r)
	}
	return table
})

func classify(r rune) class {
	switch {
	case r == ' ' || r == '\t' || r == '\n' || r == '\r' || unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp):
		return blank
	case r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf):
		return dropped
	case isIdeograph(r):
		if stable(r) {
			return ideograph
		}
		return isolated
	case 'A' <= r && r <= 'Z':
		return capital
	case isContextual(r):
		return contextual
	case !stable(r):
		return mapped
	case isPunctuation(r):
		return punctuation
	}
	return plain
}

// isIdeograph reports whether BERT puts spaces around a character: Chinese characters up to Unicode's extension E.
func isIdeograph(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff ||
		r >= 0x3400 && r <= 0x4dbf ||
		r >= 0x20000 && r <= 0x2a6df ||
		r >= 0x2a700 && r <= 0x2ceaf ||
		r >= 0xf900 && r <= 0xfaff ||
		r >= 0x2f800 && r <= 0x2fa1f
}

// isPunctuation reports whether BERT splits words at a character: Unicode's punctuation and everything in ASCII that is
// not a letter, digit, space or control character.
func isPunctuation(r rune) bool {
	return r >= 33 && r <= 47 || r >= 58 && r <= 64 || r >= 91 && r <= 96 || r >= 123 && r <= 126 ||
		unicode.Is(unicode.P, r)
}

// isContextual reports whether normalising a character depends on its neighbours: the capital sigma, which has a final
// form, and visible marks, which may be reordered.
func isContextual(r rune) bool {
	return r == 'Σ' || norm.NFD.PropertiesString(string(r)).CCC() != 0 && !unicode.Is(unicode.Mn, r)
}

func stable(r rune) bool { return normalized(r) == string(r) }

// normalized returns a character in lower case and decomposed, without accents and other non-spacing marks.
func normalized(r rune) string {
	return string(decomposed(appendLower(nil, []rune{r})))
}

// decomposed returns text in normalization form D, without its characters of category Mn.
func decomposed(text []byte) []byte {
	text = norm.NFD.Append(nil, text...)
	kept := text[:0]
	for i, size := 0, 0; i < len(text); i += size {
		var r rune
		if r, size = utf8.DecodeRune(text[i:]); !unicode.Is(unicode.Mn, r) {
			kept = append(kept, text[i:i+size]...)
		}
	}
	return kept
}
