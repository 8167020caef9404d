// Package vocab reads vocabularies: the tokens of a model, their ids and the special ones among them.
//
// A vocabulary is a UTF-8 text file with one token per line; a token's id is the number of its line, from 0. It is read
// as UER-py reads it, so that ids match its checkpoints, except that errors are not ignored: bytes that are not UTF-8,
// duplicate tokens and missing special tokens are refused with the file, the line and a hint.
package vocab

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"uer/internal/console"
	"uer/internal/durable"
)

// The special tokens that every vocabulary must have.
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
	const largest = 64 << 20
	data, err := durable.ReadFile(path, largest)
	if err != nil {
		return nil, fmt.Errorf("read vocabulary: %w", err)
	}
	return Parse(path, data)
}

// Parse parses the content of a vocabulary file. A token is the first word of its line or, if the line is only white
// space, the whole line. Token 0 is the padding, whatever its name. Errors start with name and, where there is one, the
// line.
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
	if at := invalidByte(line); at >= 0 {
		return fmt.Errorf("not UTF-8: byte 0x%02x at column %d", line[at], at+1)
	}
	token := tokenOf(line)
	if first, found := v.ids[token]; found {
		err := fmt.Errorf("duplicate token %q, first on line %d", token, first+1)
		return console.Hint(err, "remove one of the two lines; if a model was trained with this file, "+
			"replace the first one with a unique token instead, so that all other tokens keep their ids")
	}
	v.ids[token] = int32(number - 1)
	v.tokens = append(v.tokens, token)
	return nil
}

// tokenOf returns the first word of a line, or the line without its carriage return if there is no word.
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
				"add a line "+special.token+", or check that this is a vocabulary with one token per line")
		case id == v.Padding:
			return console.Hint(fmt.Errorf("%s is on line 1, which is reserved for the padding", special.token),
				"put [PAD] on the first line")
		}
		*special.id = id
	}
	return nil
}

// Size returns the number of tokens.
func (v *Vocabulary) Size() int { return len(v.tokens) }

// Token returns the token with an id. It panics if there is none.
func (v *Vocabulary) Token(id int32) string { return v.tokens[id] }

// Lookup returns the id of a token, and whether the vocabulary has it.
func (v *Vocabulary) Lookup(token string) (int32, bool) {
	id, found := v.ids[token]
	return id, found
}

// LookupBytes is Lookup for a token held as bytes.
func (v *Vocabulary) LookupBytes(token []byte) (int32, bool) {
	id, found := v.ids[string(token)] // the compiler avoids the copy
	return id, found
}

// ID returns the id of a token, or Unknown if the vocabulary does not have it.
func (v *Vocabulary) ID(token string) int32 {
	if id, found := v.ids[token]; found {
		return id
	}
	return v.Unknown
}

// SHA256 returns the hash of the file in hexadecimal.
func (v *Vocabulary) SHA256() string { return v.sha256 }

// IsSpace reports whether Python's str.split treats a character as white space: Unicode's white space and the four
// separators U+001C to U+001F.
func IsSpace(r rune) bool {
	return r >= 0x1c && r <= 0x1f || unicode.IsSpace(r)
}

// invalidByte returns the index of the first byte of text that is not UTF-8, or -1 if there is none.
func invalidByte(text string) int {
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
