package tokenizer

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"

	"uer/internal/console"
	"uer/internal/registry"
	"uer/internal/vocab"
)

// Source says what to read a tokenizer from. The fields are the values of the flags that errors name; "" where there is none.
type Source struct {
	Name          string // --tokenizer
	Vocabulary    string // --vocab_path
	Special       string // --special_tokens_map
	LowerCase     string // --do_lower_case: true or false
	StripAccents  string // --strip_accents: true or false
	Merges        string // --merges_path
	SentencePiece string // --spm_model_path
	Prefix        string // of the flags' names: "" or "tgt_"
}

// Read reads the files of a tokenizer and checks that the settings go together.
func (s Source) Read() (*Model, error) {
	special := vocab.Special{}
	if s.Special != "" {
		var err error
		if special, err = vocab.ReadSpecial(s.Special); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(s.Vocabulary)
	if err != nil {
		return nil, fmt.Errorf("read vocabulary: %w", err)
	}
	name := cmp.Or(s.Name, "bert")
	parse := vocab.Parse
	if isJSON(data) {
		parse = vocab.ParseJSON
	}
	v, err := parse(s.Vocabulary, data, special)
	if err != nil {
		return nil, err
	}
	return s.model(name, v)
}

// isJSON tells a JSON object from a vocabulary of one token per line.
func isJSON(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Valid(data)
}

// model makes the tokenizer with a name.
func (s Source) model(name string, v *vocab.Vocabulary) (*Model, error) {
	flags := []struct{ name, value, tokenizer string }{
		{"do_lower_case", s.LowerCase, "bert"}, {"strip_accents", s.StripAccents, "bert"}, {"merges_path", s.Merges, "bpe"},
	}
	for _, f := range flags {
		if f.value != "" && f.tokenizer != name {
			return nil, console.UsageError{Err: console.Hint(
				fmt.Errorf("--%s%s has no effect with --%stokenizer %s", s.Prefix, f.name, s.Prefix, name),
				fmt.Sprintf("it is for --%stokenizer %s", s.Prefix, f.tokenizer))}
		}
	}
	switch name {
	case "bert":
		return bertModel(v, s.rules()), nil
	case "bpe":
		return s.bpe(v)
	}
	make, err := registry.Find(ByName, s.Prefix+"tokenizer", name)
	if err != nil {
		return nil, err
	}
	return make(v), nil
}

// bpe makes GPT-2's tokenizer.
func (s Source) bpe(v *vocab.Vocabulary) (*Model, error) {
	if s.Merges == "" {
		return nil, console.UsageError{Err: console.Hint(
			fmt.Errorf("--%stokenizer bpe needs --%smerges_path", s.Prefix, s.Prefix), "it names the merges.txt of the model")}
	}
	merges, data, err := readMerges(s.Merges, v)
	if err != nil {
		return nil, err
	}
	return &Model{Name: "bpe", Settings: fmt.Sprintf("merges %x", sha256.Sum256(data)), Vocabulary: v,
		make: newByteLevel(v, merges, false, wordGPT2)}, nil
}

// rules returns the rules of the bert tokenizer: UER-py's, unless a flag asks for what UER-py of 2021 does not have.
func (s Source) rules() rules {
	lower := s.LowerCase != "false"
	if lower && s.StripAccents == "" {
		return ofUER
	}
	return rules{lower: lower, strip: s.StripAccents == "true"}
}
