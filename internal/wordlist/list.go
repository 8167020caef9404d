package wordlist

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"uer/internal/console"
	"uer/internal/subword"
	"uer/internal/vocab"
)

// List is a vocabulary that was made from a text.
type List struct {
	Tokens  []string // by id
	Special int      // number of special tokens, which come first
	Merges  []string // of byte pairs, in their order
}

// Build makes a vocabulary for the tokenizer with a name: of the words themselves for char and space, of pieces that words
// are made up of for bert and bpe. It holds at most size tokens, unless that is 0, and none that occurs less than minimum
// times. More frequent tokens come first, and of equally frequent ones those that are first in the order of their bytes.
func Build(name string, counts Counts, size int, minimum int64) (*List, error) {
	special := bertSpecial()
	if name == "bpe" {
		special = robertaSpecial
	}
	l := &List{Tokens: slices.Clone(special), Special: len(special)}
	if size == 0 {
		size = 1<<31 - 1
	}
	if size <= len(special) {
		return nil, fmt.Errorf("--size %d: there are %d special tokens", size, len(special))
	}
	if len(counts) == 0 {
		return nil, errors.New("the text has no words")
	}
	switch name {
	case "bert":
		l.addPieces(counts, size, minimum)
	case "bpe":
		if size < len(special)+256 {
			return nil, fmt.Errorf("--size %d: there are %d special tokens and 256 bytes", size, len(special))
		}
		l.addBytePairs(counts, size, minimum)
	default:
		l.addWords(counts, size, minimum)
	}
	if len(l.Tokens) == l.Special {
		return nil, console.Hint(fmt.Errorf("no token occurs %d times", minimum), "pass a smaller --min_count")
	}
	return l, nil
}

// bertSpecial returns the tokens that UER-py reserves.
func bertSpecial() []string {
	tokens := []string{"[PAD]"}
	for i := 1; i < 100; i++ {
		tokens = append(tokens, fmt.Sprintf("[unused%d]", i))
	}
	return append(tokens, "[UNK]", "[CLS]", "[SEP]", "[MASK]")
}

// robertaSpecial are the special tokens of RoBERTa.
var robertaSpecial = []string{"<s>", "<pad>", "</s>", "<unk>", "<mask>"}

// byCount returns the words that occur at least minimum times, the most frequent first.
func (c Counts) byCount(minimum int64) []string {
	words := make([]string, 0, len(c))
	for word, n := range c {
		if n >= minimum {
			words = append(words, word)
		}
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Or(cmp.Compare(c[b], c[a]), strings.Compare(a, b)) })
	return words
}

// add adds tokens that a file can hold and that are not special, up to a size.
func (l *List) add(tokens []string, size int) {
	for _, token := range tokens {
		if len(l.Tokens) >= size {
			return
		}
		if !slices.Contains(l.Tokens[:l.Special], token) && !strings.ContainsAny(token, "\r\n") {
			l.Tokens = append(l.Tokens, token)
		}
	}
}

func (l *List) addWords(counts Counts, size int, minimum int64) {
	l.add(counts.byCount(minimum), size)
}

// continuation is before a piece that continues a word.
const continuation = "##"

// addPieces adds the characters that words begin and go on with, and pieces that are made up of them.
func (l *List) addPieces(counts Counts, size int, minimum int64) {
	const longest = 100 // characters; longer words are unknown to the tokenizer
	alphabet := Counts{}
	words := counts.byCount(1)
	for _, word := range words {
		for _, piece := range characters(word) {
			alphabet[piece] += counts[word]
		}
	}
	l.add(alphabet.byCount(minimum), size)
	ids := make(map[string]int32, len(l.Tokens))
	for id, token := range l.Tokens {
		ids[token] = int32(id)
	}
	learner := subword.NewLearner(l.Tokens, func(left, right string) string {
		return left + strings.TrimPrefix(right, continuation)
	})
	for _, word := range words {
		pieces := characters(word)
		tokens := make([]int32, 0, len(pieces))
		for _, piece := range pieces {
			if id, known := ids[piece]; known {
				tokens = append(tokens, id)
			}
		}
		if len(tokens) == len(pieces) && len(pieces) <= longest && len(pieces) > 1 {
			learner.Add(tokens, counts[word])
		}
	}
	learner.Learn(size, max(minimum, 2))
	l.Tokens = learner.Tokens
}

// characters divides a word into pieces of one character.
func characters(word string) []string {
	var pieces []string
	for i, r := range word {
		if i == 0 {
			pieces = append(pieces, string(r))
		} else {
			pieces = append(pieces, continuation+string(r))
		}
	}
	return pieces
}

// addBytePairs adds the 256 bytes and what pairs of them make up.
func (l *List) addBytePairs(counts Counts, size int, minimum int64) {
	first := int32(len(l.Tokens))
	for _, character := range vocab.ByteCharacters {
		l.Tokens = append(l.Tokens, string(character))
	}
	learner := subword.NewLearner(l.Tokens, func(left, right string) string { return left + right })
	for _, word := range counts.byCount(1) {
		tokens := make([]int32, len(word))
		for i := range len(word) {
			tokens[i] = first + int32(word[i])
		}
		if len(tokens) > 1 {
			learner.Add(tokens, counts[word])
		}
	}
	learner.Learn(size, max(minimum, 2))
	l.Tokens = learner.Tokens
	l.Merges = []string{}
	for _, pair := range learner.Merges {
		l.Merges = append(l.Merges, l.Tokens[pair[0]]+" "+l.Tokens[pair[1]])
	}
}

// WriteVocabulary writes the tokens, one per line, or as a JSON object if there are merges.
func (l *List) WriteVocabulary(w io.Writer) error {
	b := bufio.NewWriter(w)
	if l.Merges == nil {
		for _, token := range l.Tokens {
			_, _ = b.WriteString(token + "\n")
		}
		return b.Flush()
	}
	for id, token := range l.Tokens {
		before := ", "
		if id == 0 {
			before = "{"
		}
		_, _ = fmt.Fprintf(b, "%s%s: %d", before, quoted(token), id)
	}
	_, _ = b.WriteString("}\n")
	return b.Flush()
}

// quoted returns a text in JSON.
func quoted(text string) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a text can always be encoded
	return bytes.TrimSpace(buffer.Bytes())
}

// WriteMerges writes the merges in the form of GPT-2's.
func (l *List) WriteMerges(w io.Writer) error {
	_, err := io.WriteString(w, "#version: 0.2\n"+strings.Join(append(l.Merges, ""), "\n"))
	return err
}
