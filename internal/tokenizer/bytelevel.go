package tokenizer

import (
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"uer/internal/console"
	"uer/internal/subword"
	"uer/internal/vocab"
)

// byteLevel is GPT-2's tokenizer (Radford et al., 2019): text is split into words, with the space before them, and the bytes
// of each word are merged to tokens.
type byteLevel struct {
	bytes   [256]int32       // ids of the single bytes
	prefix  bool             // a line begins with a space
	split   func(string) int // length of the first word of a text
	merger  *subword.Merger
	cache   wordCache
	symbols []int32
	line    []byte // the line with a space before it
}

// newByteLevel returns a constructor of tokenizers that share their tables.
func newByteLevel(v *vocab.Vocabulary, merges *subword.Merges, prefix bool, split func(string) int) func() Tokenizer {
	shared := byteLevel{prefix: prefix, split: split}
	for b, character := range vocab.ByteCharacters {
		shared.bytes[b] = v.ID(string(character))
	}
	return func() Tokenizer {
		t := shared
		t.merger = subword.NewMerger(merges)
		t.cache.words = map[string]span{}
		return &t
	}
}

func (t *byteLevel) AppendIDs(ids []int32, line string) []int32 {
	if t.prefix && line != "" && line[0] != ' ' {
		t.line = append(append(t.line[:0], ' '), line...)
		return t.appendWords(ids, borrowed(t.line))
	}
	return t.appendWords(ids, line)
}

func (t *byteLevel) appendWords(ids []int32, text string) []int32 {
	for text != "" {
		end := t.split(text)
		word := text[:end]
		text = text[end:]
		if known, found := t.cache.get(word); found {
			ids = append(ids, known...)
			continue
		}
		t.symbols = t.symbols[:0]
		for i := range len(word) {
			t.symbols = append(t.symbols, t.bytes[word[i]])
		}
		made := t.merger.Merge(t.symbols)
		t.cache.put(word, made)
		ids = append(ids, made...)
	}
	return ids
}

// wordGPT2 returns the length of the first word of a text: an English contraction such as 've, or letters, digits or other
// signs, each with a space before them, or white space, which leaves its last character to the word that follows.
func wordGPT2(text string) int {
	if n := contraction(text); n > 0 {
		return n
	}
	start := 0
	if text[0] == ' ' {
		start = 1
	}
	first, size := utf8.DecodeRuneInString(text[start:])
	if size > 0 && !unicode.IsSpace(first) {
		return start + runLength(text[start:], kindOf(first))
	}
	last := 0 // where the last character of the white space begins
	for i, c := range text {
		if !unicode.IsSpace(c) {
			if last > 0 {
				return last
			}
			return i
		}
		last = i
	}
	return len(text)
}

// contraction returns the length of 's, 't, 're, 've, 'm, 'll or 'd at the start of a text, 0 if there is none.
func contraction(text string) int {
	if len(text) < 2 || text[0] != '\'' {
		return 0
	}
	switch text[1] {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if len(text) > 2 && text[2] == 'e' {
			return 3
		}
	case 'l':
		if len(text) > 2 && text[2] == 'l' {
			return 3
		}
	}
	return 0
}

// kind is what GPT-2 tells characters apart by.
type kind uint8

const (
	letter kind = iota
	digit
	white
	sign
)

func kindOf(c rune) kind {
	switch {
	case c < utf8.RuneSelf:
		return asciiKinds[c]
	case unicode.IsLetter(c):
		return letter
	case unicode.Is(unicode.N, c):
		return digit
	case unicode.IsSpace(c):
		return white
	}
	return sign
}

var asciiKinds = func() (kinds [utf8.RuneSelf]kind) {
	for c := range rune(utf8.RuneSelf) {
		switch {
		case unicode.IsLetter(c):
			kinds[c] = letter
		case unicode.IsDigit(c):
			kinds[c] = digit
		case unicode.IsSpace(c):
			kinds[c] = white
		default:
			kinds[c] = sign
		}
	}
	return kinds
}()

// runLength returns the length of the characters of a kind at the start of a text.
func runLength(text string, k kind) int {
	for i, c := range text {
		if kindOf(c) != k {
			return i
		}
	}
	return len(text)
}

// readMerges reads GPT-2's merges.txt: the two tokens of a pair on each line, after a line with #version.
func readMerges(path string, v *vocab.Vocabulary) (*subword.Merges, []byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read merges: %w", err)
	}
	merges := subword.NewMerges(strings.Count(string(data), "\n"))
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, found := strings.Cut(line, " ")
		if !found || strings.Contains(right, " ") {
			err := fmt.Errorf("%s:%d: not a pair of tokens: %.40q", path, number, line)
			return nil, nil, console.Hint(err, "merges.txt of GPT-2 holds two tokens on each line, with a space between them")
		}
		if err := merges.AddWords(left, right, v.Lookup); err != nil {
			err = fmt.Errorf("%s:%d: %w", path, number, err)
			return nil, nil, console.Hint(err, "--merges_path and --vocab_path must be of the same model")
		}
	}
	return merges, data, nil
}
