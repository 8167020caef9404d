package dataset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
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
	Tokenizer            TokenizerMade
	VocabularySHA256     string
	VocabularySize       int // what Writer.Append bounds ids by; 0 if unknown

	// Of the outputs of seq2seq; "" if there are none.
	TargetTokenizer        TokenizerMade
	TargetVocabularySHA256 string

	Seed      int64
	Dynamic   bool    // masks are drawn during training, not stored
	MaskRate  float64 // share of the tokens that stored masks hide; 0 if that is not known
	Made      []Setting
	Instances int64
	Totals
}

// TokenizerMade says what made ids of text.
type TokenizerMade struct {
	Name          string
	Settings      string // what ids depend on besides tokenizer and vocabulary; "" in older files
	SpecialTokens string // as vocab.Vocabulary lists them; "" in older files
}

// Setting is a setting that a dataset was made with, by the name of its flag, or a fact about the corpus or the program.
// Nothing depends on it when the file is read.
type Setting struct{ Name, Value string }

// Totals are counts of the corpus, known when it has been read. Of a file that was made before 27 November 2026, Tokens and
// Unknown include special tokens, and only the first three are known.
type Totals struct {
	Documents      int64
	Tokens         int64 // inputs, and outputs of seq2seq, with special tokens, in all passes
	Unknown        int64 // tokens of the text that the vocabulary lacks
	Text           int64 // tokens of the text, in one pass
	Cut            int64 // tokens of the text that are in no instance of a pass, in all passes
	Empty          int64 // documents without tokens
	Skipped        int64 // lines that the target could not use
	BadLines       int64 // lines that were left out because of their bytes
	DuplicateShare float64
	UnknownWords   []string // the most frequent ones
	Warnings       []string
}

// property is one key of the Arrow schema's metadata, which is a list of strings.
type property struct{ key, value string }

// settings lists what is known before the first instance, under the names of the flags.
func (m *Metadata) settings() []property {
	list := []property{
		{formatKey, strconv.Itoa(formatVersion)},
		{"target", m.Target},
		{"seq_length", strconv.Itoa(m.SequenceLength)},
		{"tgt_seq_length", strconv.Itoa(m.TargetSequenceLength)},
		{"tokenizer", m.Tokenizer.Name},
		{"tokenizer_settings", m.Tokenizer.Settings},
		{"special_tokens", m.Tokenizer.SpecialTokens},
		{"vocabulary_sha256", m.VocabularySHA256},
		{"vocabulary_size", strconv.Itoa(m.VocabularySize)},
		{"tgt_tokenizer", m.TargetTokenizer.Name},
		{"tgt_tokenizer_settings", m.TargetTokenizer.Settings},
		{"tgt_special_tokens", m.TargetTokenizer.SpecialTokens},
		{"tgt_vocabulary_sha256", m.TargetVocabularySHA256},
		{"seed", strconv.FormatInt(m.Seed, 10)},
		{"dynamic_masking", strconv.FormatBool(m.Dynamic)},
	}
	if m.MaskRate > 0 {
		list = append(list, property{"mask_rate", strconv.FormatFloat(m.MaskRate, 'g', -1, 64)})
	}
	for _, setting := range m.Made {
		list = append(list, property{setting.Name, setting.Value})
	}
	return list
}

// totals lists what is known after the last instance.
func (m *Metadata) totals() []property {
	return []property{
		{"documents", strconv.FormatInt(m.Documents, 10)},
		{"instances", strconv.FormatInt(m.Instances, 10)},
		{"tokens", strconv.FormatInt(m.Tokens, 10)},
		{"unknown_tokens", strconv.FormatInt(m.Unknown, 10)},
		{"text_tokens", strconv.FormatInt(m.Text, 10)},
		{"cut_tokens", strconv.FormatInt(m.Cut, 10)},
		{"empty_documents", strconv.FormatInt(m.Empty, 10)},
		{"skipped_lines", strconv.FormatInt(m.Skipped, 10)},
		{"bad_lines_left_out", strconv.FormatInt(m.BadLines, 10)},
		{"duplicate_share", strconv.FormatFloat(m.DuplicateShare, 'f', 4, 64)},
		{"unknown_words", formatTexts(m.UnknownWords)},
		{"warnings", formatTexts(m.Warnings)},
	}
}

// formatTexts writes a list of texts as JSON.
func formatTexts(texts []string) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(append([]string{}, texts...)) // strings always can be encoded
	return strings.TrimSpace(text.String())
}

// maxCount bounds numbers of instances, tokens and so on.
const maxCount = 1 << 48

// properties reads the values of a file's keys and keeps the first error.
type properties struct {
	values map[string]string
	read   map[string]bool // the keys that were asked for
	err    error
}

// has reports whether a key is present. Older files lack some.
func (p *properties) has(key string) bool {
	p.read[key] = true
	_, present := p.values[key]
	return present
}

// text returns the value of a key, which must be present.
func (p *properties) text(key string) string {
	p.read[key] = true
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

// optional returns a text that older files lack, "" for them.
func (p *properties) optional(key string) string {
	if !p.has(key) {
		return ""
	}
	return p.text(key)
}

// count returns a number that older files lack, 0 for them.
func (p *properties) count(key string) int64 {
	if !p.has(key) {
		return 0
	}
	return p.integer(key, maxCount)
}

// share returns a number from 0 to 1 that older files lack, 0 for them.
func (p *properties) share(key string) float64 {
	if !p.has(key) {
		return 0
	}
	value, err := strconv.ParseFloat(p.text(key), 64)
	if p.err == nil && (err != nil || !(value >= 0 && value <= 1)) {
		p.err = fmt.Errorf("the key %s is not a share: %q", key, shortened(p.values[key]))
	}
	return value
}

// texts returns a list of texts that older files lack. It is meant to be printed: a foreign text is short and without
// control characters.
func (p *properties) texts(key string) []string {
	if !p.has(key) {
		return nil
	}
	var list []string
	if err := json.Unmarshal([]byte(p.text(key)), &list); p.err == nil && err != nil {
		p.err = fmt.Errorf("the key %s is not a list: %q", key, shortened(p.values[key]))
	}
	const most, longest = 20, 1000
	list = list[:min(len(list), most)]
	for i, text := range list {
		text = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, text)
		if len(text) > longest {
			text = strings.ToValidUTF8(text[:longest], "") + "…"
		}
		list[i] = text
	}
	return list
}

// others returns the settings that were not asked for.
func (p *properties) others() []Setting {
	var list []Setting
	for _, key := range slices.Sorted(maps.Keys(p.values)) {
		if !p.read[key] {
			list = append(list, Setting{key, p.values[key]})
		}
	}
	return list
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
	const maxLength = 1 << 24
	m := Metadata{
		Target:               p.text("target"),
		SequenceLength:       int(p.integer("seq_length", maxLength)),
		TargetSequenceLength: int(p.integer("tgt_seq_length", maxLength)),
		Tokenizer:            TokenizerMade{p.text("tokenizer"), p.optional("tokenizer_settings"), p.optional("special_tokens")},
		VocabularySHA256:     p.text("vocabulary_sha256"),
		VocabularySize:       int(p.integer("vocabulary_size", 1<<31-1)),

		TargetTokenizer: TokenizerMade{p.optional("tgt_tokenizer"), p.optional("tgt_tokenizer_settings"),
			p.optional("tgt_special_tokens")},
		TargetVocabularySHA256: p.optional("tgt_vocabulary_sha256"),

		Seed:      p.signed("seed"),
		Dynamic:   p.boolean("dynamic_masking"),
		MaskRate:  p.share("mask_rate"),
		Instances: p.integer("instances", maxCount),
		Totals: Totals{
			Documents: p.integer("documents", maxCount),
			Tokens:    p.integer("tokens", maxCount),
			Unknown:   p.integer("unknown_tokens", maxCount),

			Text:           p.count("text_tokens"),
			Cut:            p.count("cut_tokens"),
			Empty:          p.count("empty_documents"),
			Skipped:        p.count("skipped_lines"),
			BadLines:       p.count("bad_lines_left_out"),
			DuplicateShare: p.share("duplicate_share"),
			UnknownWords:   p.texts("unknown_words"),
			Warnings:       p.texts("warnings"),
		},
	}
	for _, key := range []string{formatKey, batchRowsKey, checksumsKey, checksumKey} {
		p.read[key] = true // read elsewhere
	}
	m.Made = p.others()
	return m
}
