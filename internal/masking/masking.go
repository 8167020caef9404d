// Package masking chooses the tokens that a masked language model has to predict, and hides them.
//
// It reproduces UER-py's masking draw for draw, given its generator in the same state: 15 % of the tokens are chosen,
// singly or in spans; 80 % of those become [MASK], 10 % a random token, and 10 % stay as they are. Masking of whole words is
// its own, as UER-py's changes the text.
package masking

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"uer/internal/console"
	"uer/internal/random"
	"uer/internal/segment"
	"uer/internal/task"
	"uer/internal/vocab"
)

// Options control how tokens are chosen.
type Options struct {
	Span                 bool                // mask spans of tokens instead of single ones
	GeometricProbability float64             // p, where the probability of a span's length is proportional to p(1-p)^(length-1)
	MaxLength            int                 // the longest span, in tokens
	WholeWord            bool                // mask all tokens of a word
	Dictionary           *segment.Dictionary // of Chinese words; nil: each character is a word
	Rate                 float64             // share of the tokens that are predicted; 0 means DefaultRate
}

// DefaultRate is BERT's share of tokens that are predicted.
const DefaultRate = 0.15

const (
	maskedShare = 0.8 // predicted tokens drawn below this become [MASK]
	randomShare = 0.9 // those between the two become random tokens; the rest stay as they are
)

// Masker masks sequences as UER-py does: BERT's masking of single tokens (Devlin et al., 2019) or SpanBERT's of spans
// (Joshi et al., 2020). It reuses its buffers, so each goroutine needs its own.
type Masker struct {
	Vocabulary *vocab.Vocabulary
	Options

	cumulative []float64 // sums of p(1-p)^(length-1) up to each length
	units      []unit
	swap       func(i, j int) // exchanges two units
	words      *words         // nil unless whole words are masked
}

// unit is what is chosen as a whole: a token, a span or a word.
type unit struct{ start, length int32 }

// New returns a Masker. With spans, the probability must be in (0, 1] and the length at least 1.
func New(vocabulary *vocab.Vocabulary, options Options) (*Masker, error) {
	if vocabulary.Mask == vocab.Absent {
		return nil, console.Hint(errors.New("the vocabulary has no token for masked text, such as [MASK] or <mask>"),
			"--special_tokens_map names one; target lm needs none")
	}
	m := &Masker{Vocabulary: vocabulary, Options: options}
	m.Rate = cmp.Or(m.Rate, DefaultRate)
	if !(m.Rate > 0 && m.Rate <= 1) {
		return nil, fmt.Errorf("mask_rate %v: must be above 0 and at most 1", m.Rate)
	}
	if options.WholeWord && options.Span {
		return nil, errors.New("span_masking and whole_word_masking exclude each other")
	}
	if options.WholeWord {
		m.words = newWords(vocabulary, options.Dictionary)
	}
	m.swap = func(i, j int) { m.units[i], m.units[j] = m.units[j], m.units[i] }
	if !options.Span {
		return m, nil
	}
	p := options.GeometricProbability
	if !(p > 0 && p <= 1) {
		return nil, fmt.Errorf("span_geo_prob %v: must be above 0 and at most 1", p)
	}
	if options.MaxLength < 1 {
		return nil, fmt.Errorf("span_max_length %d: must be at least 1", options.MaxLength)
	}
	sum := 0.0
	for length := range options.MaxLength {
		sum += p * math.Pow(1-p, float64(length))
		m.cumulative = append(m.cumulative, sum)
	}
	return m, nil
}

// Mask hides some of the tokens in place and appends the original ones to masks, sorted by position. Not counting
// padding at the end, it chooses 15 % of the tokens, or the given rate, at least one; a span or word that would exceed this
// number is skipped. If all words would, it takes the shortest. [CLS], [SEP] and padding are not chosen, except that a span
// may extend over [SEP]. Each chosen token, or each span as a whole, becomes [MASK] (80 %), random tokens (10 %) or stays
// (10 %). Random numbers are drawn in UER-py's order.
func (m *Masker) Mask(tokens []int32, generator random.Generator, masks []task.Mask) []task.Mask {
	n := len(tokens)
	for n > 0 && tokens[n-1] == m.Vocabulary.Padding {
		n--
	}
	m.choose(tokens[:n], generator)
	generator.Shuffle(len(m.units), m.swap)

	before := len(masks)
	wanted := before + m.predicted(n)
	for _, u := range m.units {
		if len(masks) >= wanted {
			break
		}
		if len(masks)+int(u.length) > wanted {
			continue
		}
		masks = m.maskUnit(tokens, u, generator, masks)
	}
	if m.WholeWord && len(masks) == before && len(m.units) > 0 {
		shortest := slices.MinFunc(m.units, func(a, b unit) int { return cmp.Compare(a.length, b.length) })
		masks = m.maskUnit(tokens, shortest, generator, masks)
	}
	slices.SortFunc(masks[before:], func(a, b task.Mask) int { return cmp.Compare(a.Position, b.Position) })
	return masks
}

// maskUnit hides the tokens of a unit and appends the original ones to masks. What becomes of a token is drawn for each
// token of a word, but once for a span.
func (m *Masker) maskUnit(tokens []int32, u unit, generator random.Generator, masks []task.Mask) []task.Mask {
	for position := u.start; position < u.start+u.length; position++ {
		masks = append(masks, task.Mask{Position: position, ID: tokens[position]})
	}
	hidden := tokens[u.start : u.start+u.length]
	if !m.WholeWord {
		m.hide(hidden, generator)
		return masks
	}
	for i := range hidden {
		m.hide(hidden[i:i+1], generator)
	}
	return masks
}

// predicted returns how many of n tokens are chosen. Halves are rounded to even, as by Python's round.
func (m *Masker) predicted(n int) int {
	return max(1, int(math.RoundToEven(m.Rate*float64(n))))
}

// choose divides the tokens into the units that may be masked.
func (m *Masker) choose(tokens []int32, generator random.Generator) {
	m.units = m.units[:0]
	if m.words != nil {
		m.units = m.words.appendUnits(m.units, tokens)
		return
	}
	for i := int32(0); i < int32(len(tokens)); i++ {
		switch tokens[i] {
		case m.Vocabulary.Class, m.Vocabulary.Separator, m.Vocabulary.Padding:
			continue
		}
		length := int32(1)
		if m.Span {
			length = min(m.spanLength(generator), int32(len(tokens))-i)
		}
		m.units = append(m.units, unit{i, length})
		i += length - 1
	}
}

// spanLength draws the length of a span.
func (m *Masker) spanLength(generator random.Generator) int32 {
	last := len(m.cumulative) - 1
	x := m.cumulative[last] * generator.Float64()
	for length, sum := range m.cumulative[:last] {
		if x < sum {
			return int32(length + 1)
		}
	}
	return int32(last + 1)
}

// hide replaces the tokens of a unit.
func (m *Masker) hide(tokens []int32, generator random.Generator) {
	u := generator.Float64()
	if u >= randomShare {
		return
	}
	for i := range tokens {
		tokens[i] = m.Vocabulary.Mask
		if u >= maskedShare {
			tokens[i] = m.randomToken(generator)
		}
	}
}

// randomToken draws any token except padding, [CLS], [SEP] and [MASK].
func (m *Masker) randomToken(generator random.Generator) int32 {
	for {
		id := int32(generator.Between(1, m.Vocabulary.Size()-1))
		switch id {
		case m.Vocabulary.Class, m.Vocabulary.Separator, m.Vocabulary.Mask, m.Vocabulary.Padding:
			continue
		}
		return id
	}
}
