package tokenizer

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// rules are what the bert tokenizer does to characters before it looks words up: those of UER-py, or those of the
// BertTokenizer of transformers in one of its four settings.
//
// UER-py always lowers the case and strips accents. transformers does it differently in details: it removes private
// characters, knows no final sigma, has older tables of Unicode, and takes words of more than 100 characters for unknown,
// where UER-py's limit is 200.
type rules struct {
	uer          bool // UER-py's; lower and strip are set
	lower, strip bool
}

var ofUER = rules{uer: true, lower: true, strip: true}

// maxWord is the number of characters above which a word is unknown.
func (r rules) maxWord() int {
	if r.uer {
		return 200
	}
	return 100
}

// class is how the bert tokenizer treats a character.
type class uint8

const (
	unclassified class = iota
	plain              // part of a word, unchanged
	capital            // an ASCII capital: part of a word, in lower case
	mapped             // replaced with the result of normalized
	contextual         // replaced depending on the characters around it
	punctuation        // a token of its own
	ideograph          // a token of its own that also ends a piece
	isolated           // an ideograph that is replaced with the result of normalized
	blank              // separates words
	dropped            // ignored
)

// classify returns the class of a character.
func (r rules) classify(c rune) class {
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || unicode.In(c, unicode.Zs, unicode.Zl, unicode.Zp):
		return blank
	case r.isDropped(c):
		return dropped
	case r.isIdeograph(c):
		if r.stable(c) {
			return ideograph
		}
		return isolated
	case r.lower && 'A' <= c && c <= 'Z':
		return capital
	case r.isContextual(c):
		return contextual
	case !r.stable(c):
		return mapped
	case r.isPunctuation(c):
		return punctuation
	}
	return plain
}

func (r rules) isDropped(c rune) bool {
	if c == utf8.RuneError || unicode.In(c, unicode.Cc, unicode.Cf) {
		return r.uer || !unicode.Is(newerFormats, c)
	}
	return !r.uer && unicode.Is(unicode.Co, c)
}

// isIdeograph reports whether BERT puts spaces around a character: Chinese characters up to Unicode's extension E, of
// which transformers leaves out the first 256.
func (r rules) isIdeograph(c rune) bool {
	if !r.uer && c >= 0x2b820 && c <= 0x2b91f {
		return false
	}
	return c >= 0x4e00 && c <= 0x9fff ||
		c >= 0x3400 && c <= 0x4dbf ||
		c >= 0x20000 && c <= 0x2a6df ||
		c >= 0x2a700 && c <= 0x2ceaf ||
		c >= 0xf900 && c <= 0xfaff ||
		c >= 0x2f800 && c <= 0x2fa1f
}

// isPunctuation reports whether BERT splits words at a character: Unicode's punctuation and everything in ASCII that is
// not a letter, digit, space or control character.
func (r rules) isPunctuation(c rune) bool {
	if c < utf8.RuneSelf {
		return c >= 33 && c <= 47 || c >= 58 && c <= 64 || c >= 91 && c <= 96 || c >= 123 && c <= 126
	}
	if r.uer {
		return unicode.Is(unicode.P, c)
	}
	return unicode.Is(unicode.P, c) && !unicode.Is(newerPunctuation, c) || unicode.Is(olderPunctuation, c)
}

// isMark reports whether a character is an accent or another non-spacing mark, which stripping removes.
func (r rules) isMark(c rune) bool {
	if r.uer {
		return unicode.Is(unicode.Mn, c)
	}
	return unicode.Is(unicode.Mn, c) && !unicode.Is(newerMarks, c) || unicode.Is(olderMarks, c)
}

// isContextual reports whether normalising a character depends on its neighbours: the capital sigma, which has a final
// form, and visible marks, which may be reordered.
func (r rules) isContextual(c rune) bool {
	return r.strip && (r.uer && c == 'Σ' || !r.isMark(c) && norm.NFD.PropertiesString(string(c)).CCC() != 0)
}

func (r rules) stable(c rune) bool { return string(r.normalized([]rune{c})) == string(c) }

// normalized returns text as the rules want it: in lower case, or decomposed and without accents, or both.
func (r rules) normalized(text []rune) []byte {
	if r.uer {
		return r.stripped(appendLower(nil, text))
	}
	if r.strip {
		text = []rune(string(r.stripped([]byte(string(text)))))
	}
	if !r.lower {
		return []byte(string(text))
	}
	var lower []byte
	for _, c := range text {
		lower = appendLower(lower, []rune{c}) // by itself, a sigma is not final
	}
	return lower
}

// stripped returns text in normalization form D, without its non-spacing marks.
func (r rules) stripped(text []byte) []byte {
	text = norm.NFD.Append(nil, text...)
	kept := text[:0]
	for i, size := 0, 0; i < len(text); i += size {
		var c rune
		if c, size = utf8.DecodeRune(text[i:]); !r.isMark(c) {
			kept = append(kept, text[i:i+size]...)
		}
	}
	return kept
}

// normalize appends a text as BertNormalizer leaves it: clean, with spaces around Chinese characters, and normalised.
func (r rules) normalize(to, text []byte) []byte {
	var clean []rune
	for _, c := range string(text) {
		switch class := r.classify(c); class {
		case blank:
			clean = append(clean, ' ')
		case ideograph, isolated:
			clean = append(clean, ' ', c, ' ')
		case dropped:
		default:
			clean = append(clean, c)
		}
	}
	return append(to, r.normalized(clean)...)
}
