// Package vocab reads vocabularies: the tokens of a model, their ids and the special ones among them.
//
// A vocabulary is a UTF-8 text file with one token per line; a token's id is the number of its line, from 0. It is read
// as UER-py reads it, so that ids match its checkpoints, except that errors are not ignored: bytes that are not UTF-8,
// duplicate tokens and missing special tokens are refused with the file, the line and a hint. What is identified is the
// tokens, not the file: line ends, a byte order mark and blank lines at the end make no other vocabulary.
package vocab

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"uer/internal/console"
)

// Vocabulary numbers the tokens of a model from 0, in the order of the file. It is immutable and safe for concurrent
// use.
type Vocabulary struct {
	Padding, Unknown, Class, Separator, Mask int32 // ids of the special tokens; Padding and Mask may be Absent

	Remarks []string // what was passed over when the file was read, for the user

	tokens []string
	ids    map[string]int32 // without the blank lines
	sha256 string
}

const byteOrderMark = "\ufeff"

// Read reads a vocabulary file; Parse describes its form. The special tokens have their usual names.
func Read(path string) (*Vocabulary, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read vocabulary: %w", err)
	}
	return Parse(path, data, Special{})
}

// Parse parses the content of a vocabulary file. A token is the first word of its line or, if the line is only white
// space, the whole line. A blank line keeps its id, which no text has; blank lines at the end do not count. A byte order
// mark is ignored. Errors start with name and, where there is one, the line.
func Parse(name string, data []byte, special Special) (*Vocabulary, error) {
	text, marked := strings.CutPrefix(string(data), byteOrderMark)
	trimmed := strings.TrimRight(text, "\r\n")
	if trimmed == "" {
		return nil, fmt.Errorf("%s: the vocabulary is empty", name)
	}
	v := &Vocabulary{
		tokens: make([]string, 0, strings.Count(trimmed, "\n")+1),
		ids:    make(map[string]int32),
	}
	blank := []int{}
	for line := range strings.SplitSeq(trimmed, "\n") {
		number := len(v.tokens) + 1
		token, err := v.parseLine(number, line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if token == "" {
			blank = append(blank, number)
		}
		v.tokens = append(v.tokens, token)
	}
	v.remark(name, marked, blank, strings.Count(text[len(trimmed):], "\n")-1)
	return v.finish(name, special)
}

// New returns the vocabulary of tokens in the order of their ids, read from a file with another form.
func New(name string, tokens []string, special Special) (*Vocabulary, error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%s: the vocabulary is empty", name)
	}
	v := &Vocabulary{tokens: tokens, ids: make(map[string]int32, len(tokens))}
	for id, token := range tokens {
		if first, found := v.ids[token]; found {
			return nil, fmt.Errorf("%s: tokens %d and %d are both %q", name, first, id, token)
		}
		v.ids[token] = int32(id)
	}
	return v.finish(name, special)
}

// finish finds the special tokens and hashes the tokens, each followed by a line feed as in a plain file.
func (v *Vocabulary) finish(name string, special Special) (*Vocabulary, error) {
	if err := v.findSpecial(special); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.New()
	var line []byte
	for _, token := range v.tokens {
		line = append(append(line[:0], token...), '\n')
		sum.Write(line)
	}
	v.sha256 = hex.EncodeToString(sum.Sum(nil))
	return v, nil
}

// remark tells what the file holds besides tokens.
func (v *Vocabulary) remark(name string, marked bool, blank []int, trailing int) {
	if marked {
		v.Remarks = append(v.Remarks, name+" begins with a byte order mark, which is ignored")
	}
	if len(blank) == 1 {
		v.Remarks = append(v.Remarks, fmt.Sprintf("%s:%d is blank; the id %d stays unused", name, blank[0], blank[0]-1))
	} else if len(blank) > 1 {
		v.Remarks = append(v.Remarks, fmt.Sprintf("%s has %d blank lines, the first is line %d; their ids stay unused",
			name, len(blank), blank[0]))
	}
	if trailing == 1 {
		v.Remarks = append(v.Remarks, name+" ends with 1 blank line, which does not count")
	} else if trailing > 1 {
		v.Remarks = append(v.Remarks, fmt.Sprintf("%s ends with %d blank lines, which do not count", name, trailing))
	}
}

// parseLine returns the token of a line and gives it its id.
func (v *Vocabulary) parseLine(number int, line string) (string, error) {
	if at := invalidByte(line); at >= 0 {
		return "", fmt.Errorf("not UTF-8: byte 0x%02x at column %d", line[at], at+1)
	}
	token := tokenOf(line)
	if token == "" {
		return "", nil
	}
	if first, found := v.ids[token]; found {
		err := fmt.Errorf("duplicate token %q, first on line %d", token, first+1)
		return "", console.Hint(err, "remove one of the two lines; if a model was trained with this file, "+
			"replace the first one with a unique token instead, so that all other tokens keep their ids")
	}
	v.ids[token] = int32(number - 1)
	return token, nil
}

// tokenOf returns the first word of a line, or the line without carriage returns at its end if there is no word.
func tokenOf(line string) string {
	start := strings.IndexFunc(line, func(r rune) bool { return !IsSpace(r) })
	if start < 0 {
		return strings.TrimRight(line, "\r")
	}
	if end := strings.IndexFunc(line[start:], IsSpace); end >= 0 {
		return line[start : start+end]
	}
	return line[start:]
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

// SHA256 returns the hash of the tokens in hexadecimal: that of a file with one token per line and nothing else.
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
