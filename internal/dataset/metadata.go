package dataset

import (
	"fmt"
	"strconv"
)

// formatVersion numbers the layout of the file. Files of a later one are refused.
const formatVersion = 1

const formatKey = "format_version"

// Metadata says how a dataset was made and how large it is. Of a file by UER-py, only Target, the lengths, Dynamic and
// Instances are known.
type Metadata struct {
	Target               string // the name of a task; "mlm" and "bert" for files by UER-py that may be for t5 and albert
	SequenceLength       int    // maximum number of an instance's inputs
	TargetSequenceLength int    // seq2seq: maximum number of the decoder's inputs; else 0
	Tokenizer            string
	VocabularySHA256     string
	VocabularySize       int // what Writer.Append bounds ids by; 0 if unknown

	// Of the outputs of seq2seq; "" if there are none.
	TargetTokenizer        string
	TargetVocabularySHA256 string

	Seed      int64
	Dynamic   bool // masks are drawn during training, not stored
	Instances int64
	Totals
}

// Totals are counts of the corpus, known when it has been read.
type Totals struct {
	Documents int64
	Tokens    int64
	Unknown   int64 // tokens that the vocabulary lacks
}

// property is one key of the Arrow schema's metadata, which is a list of strings.
type property struct{ key, value string }

// settings lists what is known before the first instance, under the names of the flags.
func (m *Metadata) settings() []property {
	return []property{
		{formatKey, strconv.Itoa(formatVersion)},
		{"target", m.Target},
		{"seq_length", strconv.Itoa(m.SequenceLength)},
		{"tgt_seq_length", strconv.Itoa(m.TargetSequenceLength)},
		{"tokenizer", m.Tokenizer},
		{"vocabulary_sha256", m.VocabularySHA256},
		{"vocabulary_size", strconv.Itoa(m.VocabularySize)},
		{"tgt_tokenizer", m.TargetTokenizer},
		{"tgt_vocabulary_sha256", m.TargetVocabularySHA256},
		{"seed", strconv.FormatInt(m.Seed, 10)},
		{"dynamic_masking", strconv.FormatBool(m.Dynamic)},
	}
}

// totals lists what is known after the last instance.
func (m *Metadata) totals() []property {
	return []property{
		{"documents", strconv.FormatInt(m.Documents, 10)},
		{"instances", strconv.FormatInt(m.Instances, 10)},
		{"tokens", strconv.FormatInt(m.Tokens, 10)},
		{"unknown_tokens", strconv.FormatInt(m.Unknown, 10)},
	}
}

// properties reads the values of a file's keys and keeps the first error.
type properties struct {
	values map[string]string
	err    error
}

// text returns the value of a key, which must be present.
func (p *properties) text(key string) string {
	value, present := p.values[key]
	if !present && p.err == nil {
		p.err = fmt.Errorf("the key %s is missing", key)
	}
	return value
}

// integer returns a value between 0 and maximum.
func (p *properties) integer(key string, maximum int64) int64 {
	value := p.signed(key)
	if p.err == nil && (value < 0 || value > maximum) {
		p.err = fmt.Errorf("the key %s is %d, outside 0 to %d", key, value, maximum)
		return 0
	}
	return value
}

func (p *properties) signed(key string) int64 {
	value, err := strconv.ParseInt(p.text(key), 10, 64)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("the key %s is not a number: %q", key, shortened(p.values[key]))
	}
	return value
}

func (p *properties) boolean(key string) bool {
	value, err := strconv.ParseBool(p.text(key))
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("the key %s is neither true nor false: %q", key, shortened(p.values[key]))
	}
	return value
}

// shortened keeps a foreign value from filling the screen.
func shortened(value string) string {
	if len(value) > 40 {
		return value[:40] + "…"
	}
	return value
}

// metadata reads what settings and totals wrote.
func (p *properties) metadata() Metadata {
	const (
		maxLength = 1 << 24
		maxCount  = 1 << 48
	)
	return Metadata{
		Target:               p.text("target"),
		SequenceLength:       int(p.integer("seq_length", maxLength)),
		TargetSequenceLength: int(p.integer("tgt_seq_length", maxLength)),
		Tokenizer:            p.text("tokenizer"),
		VocabularySHA256:     p.text("vocabulary_sha256"),
		VocabularySize:       int(p.integer("vocabulary_size", 1<<31-1)),

		TargetTokenizer:        p.values["tgt_tokenizer"],
		TargetVocabularySHA256: p.values["tgt_vocabulary_sha256"],

		Seed:      p.signed("seed"),
		Dynamic:   p.boolean("dynamic_masking"),
		Instances: p.integer("instances", maxCount),
		Totals: Totals{
			Documents: p.integer("documents", maxCount),
			Tokens:    p.integer("tokens", maxCount),
			Unknown:   p.integer("unknown_tokens", maxCount),
		},
	}
}
