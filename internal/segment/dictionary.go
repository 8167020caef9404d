// Package segment divides Chinese text into words by a dictionary.
package segment

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"uer/internal/console"
	"uer/internal/subword"
)

// Dictionary holds words with their frequencies. It is immutable and safe for concurrent use.
type Dictionary struct {
	SHA256 string // of the file, in hexadecimal

	words *subword.Unigram
}

// maxWordLength bounds words, in bytes.
const maxWordLength = 256

// Read reads a dictionary in the form of jieba's: a word, its frequency and, if you like, its kind on each line, with
// spaces between them. A word without a frequency counts once.
func Read(path string) (*Dictionary, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the dictionary of words: %w", err)
	}
	d, err := parse(data)
	if err != nil {
		return nil, console.Hint(fmt.Errorf("%s: %w", path, err),
			"the form is that of jieba's dict.txt: a word and its frequency on each line")
	}
	return d, nil
}

func parse(data []byte) (*Dictionary, error) {
	frequencies := map[string]float64{}
	number, total := 0, 0.0
	for line := range strings.Lines(string(bytes.TrimPrefix(data, []byte("\ufeff")))) {
		number++
		word, frequency, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if _, twice := frequencies[word]; word == "" || twice || frequency == 0 {
			continue
		}
		frequencies[word] = frequency
		total += frequency
	}
	if len(frequencies) == 0 {
		return nil, errors.New("there is no word")
	}
	words, ids := make([]string, 0, len(frequencies)), make([]int32, 0, len(frequencies))
	d := &Dictionary{SHA256: fmt.Sprintf("%x", sha256.Sum256(data)), words: &subword.Unigram{Unknown: -math.Log(total)}}
	for word, frequency := range frequencies {
		ids = append(ids, int32(len(words)))
		words = append(words, word)
		d.words.Scores = append(d.words.Scores, math.Log(frequency)-math.Log(total))
	}
	d.words.Trie = subword.NewTrie(words, ids)
	return d, nil
}

// parseLine returns the word of a line, "" if there is none.
func parseLine(line string) (word string, frequency float64, err error) {
	columns := strings.Fields(line)
	switch {
	case len(columns) == 0:
		return "", 0, nil
	case !utf8.ValidString(line):
		return "", 0, errors.New("not UTF-8")
	case len(columns[0]) > maxWordLength:
		return "", 0, fmt.Errorf("the word has more than %d bytes", maxWordLength)
	case len(columns) == 1:
		return columns[0], 1, nil
	}
	frequency, err = strconv.ParseFloat(columns[1], 64)
	if err != nil || !(frequency >= 0) || math.IsInf(frequency, 0) {
		return "", 0, fmt.Errorf("%q is not a frequency", columns[1])
	}
	return columns[0], frequency, nil
}

// Divider divides text into the words of a dictionary. It reuses its buffers, so each goroutine needs its own.
type Divider struct{ path *subword.Path }

// NewDivider returns a Divider for one goroutine.
func (d *Dictionary) NewDivider() *Divider { return &Divider{subword.NewPath(d.words)} }

// AppendEnds divides a text into words whose frequencies have the greatest product, as jieba does, and appends the index
// after each word to ends. A character that is in no word is a word.
func (d *Divider) AppendEnds(ends []int32, text []byte) []int32 {
	for _, piece := range d.path.Split(text) {
		ends = append(ends, piece.End)
	}
	return ends
}
