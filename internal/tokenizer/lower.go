package tokenizer

import "unicode"

// appendLower appends text in lower case as by Python's str.lower: Unicode's full mapping, with the final form of
// sigma.
func appendLower(lower []byte, text []rune) []byte {
	for i, r := range text {
		switch {
		case r == 'İ': // the only character whose lower-case form is longer
			lower = append(lower, "i\u0307"...)
		case r == 'Σ' && isFinal(text, i):
			lower = append(lower, "ς"...)
		default:
			lower = append(lower, string(unicode.ToLower(r))...)
		}
	}
	return lower
}

// isFinal reports whether the character at index i ends a word as the Unicode Standard defines it (section 3.13,
// Final_Sigma): skipping case-ignorable characters, a cased letter comes before and none after.
func isFinal(text []rune, i int) bool {
	before, after := i-1, i+1
	for before >= 0 && caseIgnores(text[before]) {
		before--
	}
	for after < len(text) && caseIgnores(text[after]) {
		after++
	}
	return before >= 0 && hasCase(text[before]) && (after == len(text) || !hasCase(text[after]))
}

func hasCase(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Uppercase, unicode.Other_Lowercase)
}

func caseIgnores(r rune) bool {
	switch r {
	// Characters that may occur inside a word (Word_Break MidLetter, MidNumLet and Single_Quote).
	case '\'', '.', ':', '\u00b7', '\u0387', '\u055f', '\u05f4', '\u2018', '\u2019', '\u2024', '\u2027',
		'\ufe13', '\ufe52', '\ufe55', '\uff07', '\uff0e', '\uff1a':
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}
