package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"uer/internal/console"
	"uer/internal/sentencepiece"
	"uer/internal/subword"
	"uer/internal/vocab"
)

// descriptionName is what datasets call the tokenizer of a tokenizer.json.
const descriptionName = "tokenizer.json"

// description is a tokenizer.json of Hugging Face.
type description struct {
	AddedTokens  []addedToken `json:"added_tokens"`
	Normalizer   *component
	PreTokenizer *component `json:"pre_tokenizer"`
	Model        *modelDescription
}

// component is a part of the pipeline, with the settings of all kinds of parts.
type component struct {
	Type          string
	Normalizers   []component
	PreTokenizers []component

	CleanText     *bool `json:"clean_text"`
	ChineseChars  *bool `json:"handle_chinese_chars"`
	StripAccents  *bool `json:"strip_accents"`
	Lowercase     *bool
	Charsmap      []byte `json:"precompiled_charsmap"`
	Pattern       struct{ String, Regex *string }
	Content       string
	Prepend       string
	StripLeft     bool   `json:"strip_left"`
	StripRight    bool   `json:"strip_right"`
	PrefixSpace   *bool  `json:"add_prefix_space"`
	UseRegex      *bool  `json:"use_regex"`
	Replacement   string `json:"replacement"`
	PrependScheme string `json:"prepend_scheme"`
	Split         *bool
}

type modelDescription struct {
	Type         string
	Vocab        json.RawMessage // an object of ids, or for Unigram a list of tokens and scores
	Merges       json.RawMessage
	Unknown      *string `json:"unk_token"`
	UnknownID    *int32  `json:"unk_id"`
	FuseUnknown  bool    `json:"fuse_unk"`
	ByteFallback bool    `json:"byte_fallback"`
	IgnoreMerges bool    `json:"ignore_merges"`
	Prefix       *string `json:"continuing_subword_prefix"`
	Suffix       *string `json:"end_of_word_suffix"`
	MaxWord      *int    `json:"max_input_chars_per_word"`

	scores []float64 // of Unigram
	size   int       // tokens without those that were added
}

func (m *modelDescription) known(v *vocab.Vocabulary) known { return known{v, int32(m.size)} }

// isDescription tells a tokenizer.json from a vocab.json, which holds nothing but ids.
func isDescription(data []byte) bool {
	var d struct{ Model *struct{ Type string } }
	return json.Unmarshal(data, &d) == nil && d.Model != nil
}

// parseDescription reads a tokenizer.json and its vocabulary.
func parseDescription(name string, data []byte, special vocab.Special) (*description, *vocab.Vocabulary, error) {
	d := new(description)
	if err := json.Unmarshal(data, d); err != nil {
		return nil, nil, fmt.Errorf("%s: not a tokenizer.json: %w", name, err)
	}
	tokens, err := d.tokens()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	v, err := vocab.New(name, tokens, special)
	return d, v, err
}

// tokens returns the tokens of the model and those that were added to it.
func (d *description) tokens() ([]string, error) {
	var tokens []string
	if d.Model.Type == "Unigram" {
		var pairs [][2]any
		if err := json.Unmarshal(d.Model.Vocab, &pairs); err != nil {
			return nil, fmt.Errorf("read the vocabulary: %w", err)
		}
		for i, pair := range pairs {
			token, isText := pair[0].(string)
			score, isNumber := pair[1].(float64)
			if !isText || !isNumber || token == "" {
				return nil, fmt.Errorf("entry %d of the vocabulary is not a token and its score", i)
			}
			tokens, d.Model.scores = append(tokens, token), append(d.Model.scores, score)
		}
	} else {
		var ids map[string]int32
		if err := json.Unmarshal(d.Model.Vocab, &ids); err != nil {
			return nil, fmt.Errorf("read the vocabulary: %w", err)
		}
		var err error
		if tokens, err = vocab.InOrder(ids); err != nil {
			return nil, err
		}
	}
	d.Model.size = len(tokens)
	for _, added := range d.AddedTokens {
		switch id := int(added.ID); {
		case id == len(tokens):
			tokens = append(tokens, added.Content)
		case id < 0 || id > len(tokens) || tokens[id] != added.Content:
			return nil, fmt.Errorf("the added token %q has id %d, which is another token's or leaves a gap", added.Content, id)
		}
	}
	return tokens, nil
}

func unsupported(what string) error {
	return console.Hint(fmt.Errorf("not supported: %s", what),
		"supported are the tokenizers of BERT, GPT-2, RoBERTa, T5, ALBERT, XLM-R and Llama, and others of the same parts")
}

// tokenizer returns a constructor of the tokenizers that a file describes.
func (d *description) tokenizer(v *vocab.Vocabulary) (func() Tokenizer, error) {
	normalizers, err := flatten(d.Normalizer)
	if err != nil {
		return nil, err
	}
	divisions, err := flatten(d.PreTokenizer)
	if err != nil {
		return nil, err
	}
	switch {
	case d.Model.Type == "WordPiece":
		return d.wordPiece(v, normalizers, divisions)
	case len(divisions) == 1 && divisions[0].Type == "ByteLevel" && d.Model.Type == "BPE" && len(normalizers) == 0:
		return d.byteLevel(v, divisions[0])
	}
	var steps []step
	for _, c := range normalizers {
		s, err := c.step()
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	division, err := wordsOf(divisions)
	if err != nil {
		return nil, err
	}
	model, err := d.Model.model(v, d)
	if err != nil {
		return nil, err
	}
	return d.pipeline(steps, func() splitter { return &pieces{words: division, model: model()} }), nil
}

// pipeline returns a constructor of tokenizers that look for added tokens, too.
func (d *description) pipeline(steps []step, make func() splitter) func() Tokenizer {
	var raw, normalized []addedToken
	for _, t := range d.AddedTokens {
		if !t.Normalized {
			raw = append(raw, t)
			continue
		}
		for _, s := range steps {
			t.Content = string(s(nil, []byte(t.Content)))
		}
		normalized = append(normalized, t)
	}
	shared := pipeline{added: newAddedTokens(raw), steps: steps, normalized: newAddedTokens(normalized)}
	return func() Tokenizer {
		p := shared
		p.splitter = make()
		return &p
	}
}

// flatten returns the parts of a sequence of parts.
func flatten(c *component) ([]component, error) {
	if c == nil {
		return nil, nil
	}
	if c.Type != "Sequence" {
		return []component{*c}, nil
	}
	var all []component
	for _, part := range append(c.Normalizers, c.PreTokenizers...) {
		if part.Type == "Sequence" {
			return nil, unsupported("a sequence in a sequence")
		}
		all = append(all, part)
	}
	return all, nil
}

func isNot(set *bool) bool { return set != nil && !*set }

func (d *description) wordPiece(v *vocab.Vocabulary, normalizers, divisions []component) (func() Tokenizer, error) {
	m := d.Model
	if len(normalizers) != 1 || normalizers[0].Type != "BertNormalizer" || len(divisions) != 1 || divisions[0].Type != "BertPreTokenizer" {
		return nil, unsupported("WordPiece without BertNormalizer and BertPreTokenizer")
	}
	n := normalizers[0]
	if isNot(n.CleanText) || isNot(n.ChineseChars) {
		return nil, unsupported("BertNormalizer without clean_text or handle_chinese_chars")
	}
	if m.Prefix != nil && *m.Prefix != continuation || m.MaxWord != nil && *m.MaxWord != 100 || m.Unknown != nil && v.ID(*m.Unknown) != v.Unknown {
		return nil, unsupported("WordPiece with another prefix than ##, another limit than 100 characters, or two unknown tokens")
	}
	r := rules{lower: !isNot(n.Lowercase)}
	r.strip = r.lower
	if n.StripAccents != nil {
		r.strip = *n.StripAccents
	}
	direct := newBert(m.known(v), r)
	switch inText, inNormalized := d.looksInText(); {
	case inNormalized:
		split := newBert(m.known(v), rules{}) // which changes nothing
		return d.pipeline([]step{r.normalize}, func() splitter { return whole{split()} }), nil
	case inText:
		return d.pipeline(nil, func() splitter { return whole{direct()} }), nil
	}
	return direct, nil
}

func (d *description) byteLevel(v *vocab.Vocabulary, c component) (func() Tokenizer, error) {
	if isNot(c.UseRegex) || d.Model.IgnoreMerges || d.Model.ByteFallback {
		return nil, unsupported("ByteLevel without its pattern, or with ignore_merges or byte_fallback")
	}
	merges, err := d.Model.merges(v)
	if err != nil {
		return nil, err
	}
	direct := newByteLevel(v, merges, !isNot(c.PrefixSpace), wordGPT2)
	if inText, _ := d.looksInText(); inText {
		return d.pipeline(nil, func() splitter { return whole{direct()} }), nil
	}
	return direct, nil
}

// merges reads the merges of BPE, each "left right" or a list of the two.
func (m *modelDescription) merges(v *vocab.Vocabulary) (*subword.Merges, error) {
	if m.Prefix != nil && *m.Prefix != "" || m.Suffix != nil && *m.Suffix != "" {
		return nil, unsupported("BPE with continuing_subword_prefix or end_of_word_suffix")
	}
	var pairs [][2]string
	if json.Unmarshal(m.Merges, &pairs) != nil {
		var lines []string
		if err := json.Unmarshal(m.Merges, &lines); err != nil {
			return nil, fmt.Errorf("read the merges: %w", err)
		}
		pairs = pairs[:0]
		for _, line := range lines {
			left, right, found := strings.Cut(line, " ")
			if !found || strings.Contains(right, " ") {
				return nil, fmt.Errorf("merge %d is not a pair of tokens: %.40q", len(pairs), line)
			}
			pairs = append(pairs, [2]string{left, right})
		}
	}
	merges := subword.NewMerges(len(pairs))
	for i, pair := range pairs {
		if err := merges.AddWords(pair[0], pair[1], v.Lookup); err != nil {
			return nil, fmt.Errorf("merge %d: %w", i, err)
		}
	}
	return merges, nil
}

// step returns what a normaliser does.
func (c *component) step() (step, error) {
	switch c.Type {
	case "NFC":
		return normalForm(norm.NFC), nil
	case "NFD":
		return normalForm(norm.NFD), nil
	case "NFKC":
		return normalForm(norm.NFKC), nil
	case "NFKD":
		return normalForm(norm.NFKD), nil
	case "Lowercase":
		return lowerEach, nil
	case "StripAccents":
		return dropMarks, nil
	case "Prepend":
		return prepend([]byte(c.Prepend)), nil
	case "Strip":
		return trim(c.StripLeft, c.StripRight), nil
	case "Precompiled":
		rules, err := sentencepiece.ParseCharsmap(c.Charsmap)
		if err != nil {
			return nil, err
		}
		return mapCharacters(rules), nil
	case "Replace":
		switch {
		case c.Pattern.String != nil && *c.Pattern.String != "":
			return replaceAll([]byte(*c.Pattern.String), []byte(c.Content)), nil
		case c.Pattern.Regex != nil && *c.Pattern.Regex == " {2,}":
			return replaceSpaces([]byte(c.Content)), nil
		case c.Pattern.Regex != nil && *c.Pattern.Regex == "^ +| +$" && c.Content == "":
			return trimSpaces, nil
		}
		return nil, unsupported("a Replace of a regular expression other than \" {2,}\", and \"^ +| +$\" by nothing")
	}
	return nil, unsupported("the normalizer " + c.Type)
}

// wordsOf returns how a line is divided.
func wordsOf(divisions []component) (words, error) {
	w := words{}
	for i, c := range divisions {
		switch {
		case c.Type == "WhitespaceSplit" && i == 0:
			w.atSpace = true
		case c.Type == "Metaspace" && i == len(divisions)-1:
			if c.Replacement != string(metaspace) {
				return w, unsupported("Metaspace with another character than ▁")
			}
			w.meta, w.split = true, !isNot(c.Split)
			schemes := map[string]prefix{"always": always, "first": atFirst, "never": never}
			scheme := c.PrependScheme
			if scheme == "" {
				scheme = "always"
				if isNot(c.PrefixSpace) {
					scheme = "never"
				}
			}
			known := false
			if w.prefix, known = schemes[scheme]; !known {
				return w, unsupported("the prepend_scheme " + scheme)
			}
		default:
			return w, unsupported("the pre_tokenizer " + c.Type)
		}
	}
	return w, nil
}

// model returns a constructor of models.
func (m *modelDescription) model(v *vocab.Vocabulary, d *description) (func() wordModel, error) {
	f := fallback{unknown: vocab.Absent, fuse: m.FuseUnknown}
	if m.ByteFallback {
		f.bytes = byteTokens(v)
	}
	switch m.Type {
	case "BPE":
		merges, err := m.merges(v)
		if err != nil {
			return nil, err
		}
		if m.Unknown != nil {
			id, found := v.Lookup(*m.Unknown)
			if !found {
				return nil, fmt.Errorf("the vocabulary lacks the unknown token %q", *m.Unknown)
			}
			f.unknown = id
		}
		return func() wordModel {
			return &pairWords{merger: subword.NewMerger(merges), known: m.known(v), ignoreMerges: m.IgnoreMerges, fallback: f}
		}, nil
	case "Unigram":
		if m.UnknownID == nil || *m.UnknownID < 0 || int(*m.UnknownID) >= len(m.scores) {
			return nil, errors.New("the unigram model has no unknown token")
		}
		f.unknown = *m.UnknownID
		u := m.unigram(v, d)
		return func() wordModel { return &unigramWords{subword.NewPath(u), f} }, nil
	}
	return nil, unsupported("the model " + m.Type)
}

// unigram returns the model of the tokens that text may become, which special tokens are not.
func (m *modelDescription) unigram(v *vocab.Vocabulary, d *description) *subword.Unigram {
	special := map[string]bool{}
	for _, added := range d.AddedTokens {
		special[added.Content] = added.Special
	}
	var tokens []string
	var ids []int32
	low := m.scores[0]
	for id, score := range m.scores {
		low = min(low, score)
		if token := v.Token(int32(id)); !special[token] && int32(id) != *m.UnknownID {
			tokens, ids = append(tokens, token), append(ids, int32(id))
		}
	}
	const penalty = 10 // how much less likely than any token an unknown character is
	return &subword.Unigram{Trie: subword.NewTrie(tokens, ids), Scores: m.scores, Unknown: low - penalty}
}
