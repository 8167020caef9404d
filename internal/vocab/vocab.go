// Package vocab reads vocabularies: the tokens of a model, their numbers and the special ones among them.
package vocab

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"uer/internal/console"
)

// The special tokens that every vocabulary needs.
const (
	unknown   = "[UNK]"
	class     = "[CLS]"
	separator = "[SEP]"
	mask      = "[MASK]"
)

// Vocabulary numbers the tokens of a model from 0, in the order of the file. It is immutable and safe for concurrent
// use.
type Vocabulary struct {
	Padding, Unknown, Class, Separator, Mask int32 // ids of the special tokens; Padding is always 0

	tokens []string
	ids    map[string]int32
	sha256 string
}

// Read reads a vocabulary file; Parse describes its form.
func Read(path string) (*Vocabulary, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read vocabulary: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a vocabulary: UTF-8 text, one token a line, numbered from 0. The token is the first word of its line, or
// the whole line if that is nothing but white space. Token 0 is the padding, whatever its name. Errors name the file,
// the line and what is wrong with it: bytes that are not UTF-8, a token that an earlier line holds, a missing special
// token.
func Parse(name string, data []byte) (*Vocabulary, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%s: the vocabulary is empty", name)
	}
	sum := sha256.Sum256(data)
	v := &Vocabulary{
		tokens: make([]string, 0, bytes.Count(data, []byte{'\n'})+1),
		ids:    make(map[string]int32),
		sha256: hex.EncodeToString(sum[:]),
	}
	text := string(data)
	for number := 1; text != ""; number++ {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		if err := v.add(number, line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	if err := v.findSpecial(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

func (v *Vocabulary) add(number int, line string) error {
	if at := invalidUTF8(line); at >= 0 {
		return fmt.Errorf("not UTF-8: byte 0x%02x at column %d", line[at], at+1)
	}
	token := tokenOf(line)
	if first, found := v.ids[token]; found {
		err := fmt.Errorf("token %q stands on line %d already", token, first+1)
		return console.Hint(err, "remove one of the two lines; if a model was trained with this file, "+
			"replace the first of them by a token of its own instead, so that the others keep their numbers")
	}
	v.ids[token] = int32(number - 1)
	v.tokens = append(v.tokens, token)
	return nil
}

// tokenOf returns the first word of a line, or the line without its end if it has no word.
func tokenOf(line string) string {
	start := strings.IndexFunc(line, func(r rune) bool { return !IsSpace(r) })
	if start < 0 {
		return strings.TrimSuffix(line, "\r")
	}
	if end := strings.IndexFunc(line[start:], IsSpace); end >= 0 {
		return line[start : start+end]
	}
	return line[start:]
}

func (v *Vocabulary) findSpecial() error {
	for _, special := range []struct {
		token string
		id    *int32
	}{{unknown, &v.Unknown}, {class, &v.Class}, {separator, &v.Separator}, {mask, &v.Mask}} {
		id, found := v.ids[special.token]
		switch {
		case !found:
			return console.Hint(fmt.Errorf("the vocabulary lacks %s", special.token),
				"add a line "+special.token+", or check that this is a vocabulary with one token a line")
		case id == v.Padding:
			return console.Hint(fmt.Errorf("%s stands on line 1, whose token is the padding", special.token),
				"put [PAD] on the first line")
		}
		*special.id = id
	}
	return nil
}

// Size returns the number of tokens.
func (v *Vocabulary) Size() int { return len(v.tokens) }

// Token returns the token with the given id. It panics if there is none.
func (v *Vocabulary) Token(id int32) string { return v.tokens[id] }

// Lookup returns the id of a token, and whether there is one.
func (v *Vocabulary) Lookup(token string) (int32, bool) {
	id, found := v.ids[token]
	return id, found
}

// LookupBytes is Lookup for a token held as bytes.
func (v *Vocabulary) LookupBytes(token []byte) (int32, bool) {
	id, found := v.ids[string(token)] // no copy: the compiler looks the bytes up in place
	return id, found
}

// ID returns the id of a token, Unknown if it is not in the vocabulary.
func (v *Vocabulary) ID(token string) int32 {
	if id, found := v.ids[token]; found {
		return id
	}
	return v.Unknown
}

// SHA256 returns the hash of the file's bytes in hexadecimal.
func (v *Vocabulary) SHA256() string { return v.sha256 }

// IsSpace reports whether Python's str.split takes a character for white space: Unicode's white space and the four
// separators U+001C to U+001F.
func IsSpace(r rune) bool {
	return r >= 0x1c && r <= 0x1f || unicode.IsSpace(r)
}

// invalidUTF8 returns the index of the first byte of text that is not UTF-8, -1 if there is none.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)) {
			return i
		}
	}
	return -1
}
