package tokenizer

import (
	"strings"
	"unicode/utf8"

	"uer/internal/vocab"
)

// Words returns a constructor of functions that call found for each word of a line: what the tokens of a vocabulary for the
// tokenizer have to make up. A function is for one goroutine, and a word is valid until found returns.
func (s Source) Words() func() func(line string, found func(word []byte)) {
	switch s.Name {
	case "char":
		return func() func(string, func([]byte)) { return eachCharacter }
	case "space":
		return func() func(string, func([]byte)) { return eachField }
	case "bpe":
		return func() func(string, func([]byte)) { return eachByteWord }
	}
	r := s.rules()
	return func() func(string, func([]byte)) {
		b := &bert{rules: r, classes: new([tabulated]class), mapped: map[rune]string{}, word: []byte(continuation), collect: true}
		var ends []int32
		return func(line string, found func([]byte)) {
			ends = b.AppendIDs(ends[:0], line)
			start := int32(0)
			for _, end := range ends {
				found(b.words[start:end])
				start = end
			}
		}
	}
}

func eachCharacter(line string, found func([]byte)) {
	var character [utf8.UTFMax]byte
	for _, r := range strings.TrimFunc(line, vocab.IsSpace) {
		found(character[:utf8.EncodeRune(character[:], r)])
	}
}

func eachField(line string, found func([]byte)) {
	for word := range strings.FieldsFuncSeq(line, vocab.IsSpace) {
		found([]byte(word))
	}
}

func eachByteWord(line string, found func([]byte)) {
	for line != "" {
		end := wordGPT2(line)
		found([]byte(line[:end]))
		line = line[end:]
	}
}
