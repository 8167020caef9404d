// Package sentencepiece tokenizes text with a model of the library of that name (Kudo and Richardson, 2018), in its file
// format and to the same ids: unigram and byte-pair models, with their rules for normalising text.
package sentencepiece

import (
	"errors"
	"fmt"
	"math"
	"os"
	"unicode/utf8"

	"uer/internal/console"
	"uer/internal/subword"
)

// Model is a tokenizer as it was read. It is immutable and safe for concurrent use.
type Model struct {
	Pieces []string // by id

	kinds        []kind
	scores       []float32
	unknown      int32
	algorithm    algorithm
	byteFallback bool
	bytes        [256]int32 // ids of the tokens for single bytes
	normalizer   normalizer
	trie         *subword.Trie // of what text may become
	marked       *subword.Trie // of what is a token wherever it stands; nil if there is none
	unigram      *subword.Unigram
}

// kind says what a piece is for; the numbers are those of the file.
type kind uint64

const (
	normal      kind = 1
	unknown     kind = 2
	control     kind = 3 // <s> and so on, which no text becomes
	userDefined kind = 4 // a token wherever it stands
	unused      kind = 5
	singleByte  kind = 6
)

// algorithm numbers those of the file.
type algorithm uint64

const (
	unigramModel algorithm = 1
	pairModel    algorithm = 2
)

const maxPieceLength = 4096 // bytes

const unknownPenalty = 10 // how much less likely than any token an unknown character is, in a unigram model

// Read reads a model file.
func Read(path string) (*Model, []byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read the SentencePiece model: %w", err)
	}
	m, err := Parse(data)
	if err != nil {
		return nil, nil, console.Hint(fmt.Errorf("read the SentencePiece model %s: %w", path, err),
			"--spm_model_path names a .model file that SentencePiece has trained")
	}
	return m, data, nil
}

// Parse parses the content of a model file.
func Parse(data []byte) (*Model, error) {
	f, err := parseFile(data)
	if err != nil {
		return nil, err
	}
	m := &Model{algorithm: f.algorithm, byteFallback: f.byteFallback, unknown: -1}
	if m.algorithm != unigramModel && m.algorithm != pairModel {
		return nil, errors.New("neither a unigram nor a BPE model")
	}
	if m.normalizer, err = newNormalizer(f); err != nil {
		return nil, err
	}
	for i := range m.bytes {
		m.bytes[i] = -1
	}
	for _, p := range f.pieces {
		if err := m.add(p); err != nil {
			return nil, err
		}
	}
	if m.unknown < 0 {
		return nil, errors.New("it has no piece for unknown text")
	}
	for b, id := range m.bytes {
		if m.byteFallback && id < 0 {
			return nil, fmt.Errorf("it has no piece for the byte %#02x", b)
		}
	}
	return m, m.prepare()
}

func (m *Model) add(p piece) error {
	id := int32(len(m.Pieces))
	switch {
	case p.text == "" || len(p.text) > maxPieceLength || !utf8.ValidString(p.text):
		return fmt.Errorf("piece %d is empty, longer than %d bytes or not UTF-8", id, maxPieceLength)
	case p.kind < normal || p.kind > singleByte:
		return fmt.Errorf("piece %d is of the unknown kind %d", id, p.kind)
	case math.IsNaN(float64(p.score)):
		return fmt.Errorf("the score of piece %d is not a number", id)
	case p.kind == unknown && m.unknown >= 0:
		return errors.New("it has two pieces for unknown text")
	case p.kind == unknown:
		m.unknown = id
	case p.kind == singleByte:
		b, err := byteOf(p.text)
		if err != nil {
			return err
		}
		m.bytes[b] = id
	}
	m.Pieces, m.kinds, m.scores = append(m.Pieces, p.text), append(m.kinds, p.kind), append(m.scores, p.score)
	return nil
}

// byteOf returns the byte that a piece such as <0x0A> stands for.
func byteOf(text string) (b byte, err error) {
	if _, err := fmt.Sscanf(text, "<0x%02X>", &b); err != nil || len(text) != 6 {
		return 0, fmt.Errorf("%q does not name a byte", text)
	}
	return b, nil
}

// prepare makes the tables that text is looked up in.
func (m *Model) prepare() error {
	var tokens, marked []string
	var ids, markedIDs []int32
	seen := make(map[string]bool, len(m.Pieces))
	low, high := float32(math.MaxFloat32), float32(0x1p-126) // the second is what sentencepiece starts from, too
	bonus := make([]bool, len(m.Pieces))
	for i, text := range m.Pieces {
		if seen[text] {
			return fmt.Errorf("two pieces are %q", text)
		}
		seen[text] = true
		switch m.kinds[i] {
		case normal:
			low, high = min(low, m.scores[i]), max(high, m.scores[i])
		case userDefined:
			marked, markedIDs, bonus[i] = append(marked, text), append(markedIDs, int32(i)), true
		case unused:
			if m.algorithm == unigramModel {
				continue
			}
		default:
			continue
		}
		tokens, ids = append(tokens, text), append(ids, int32(i))
	}
	if len(tokens) == 0 {
		return errors.New("it has no piece that text can become")
	}
	m.trie = subword.NewTrie(tokens, ids)
	if len(marked) > 0 {
		m.marked = subword.NewTrie(marked, markedIDs)
	}
	m.unigram = &subword.Unigram{
		Trie: m.trie, Unknown: float64(low - unknownPenalty), Bonus: bonus, Greatest: float64(high), Single: true,
	}
	for _, score := range m.scores {
		m.unigram.Scores = append(m.unigram.Scores, float64(score))
	}
	return nil
}
