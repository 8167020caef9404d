package tokenizer

import (
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
	v, err := vocab.Parse(s.Vocabulary, data, special)
	if err != nil {
		return nil, err
	}
	name := s.Name
	if name == "" {
		name = "bert"
	}
	if name == "bert" {
		return bertModel(v, s.rules()), nil
	}
	if err := s.refuse(name, s.LowerCase, "do_lower_case"); err != nil {
		return nil, err
	}
	if err := s.refuse(name, s.StripAccents, "strip_accents"); err != nil {
		return nil, err
	}
	make, err := registry.Find(ByName, s.Prefix+"tokenizer", name)
	if err != nil {
		return nil, err
	}
	return make(v), nil
}

// rules returns the rules of the bert tokenizer: UER-py's, unless a flag asks for what UER-py of 2021 does not have.
func (s Source) rules() rules {
	lower := s.LowerCase != "false"
	if lower && s.StripAccents == "" {
		return ofUER
	}
	return rules{lower: lower, strip: s.StripAccents == "true"}
}

// refuse returns an error if a flag that has no effect with a tokenizer is given.
func (s Source) refuse(name, value, flag string) error {
	if value == "" {
		return nil
	}
	return console.UsageError{Err: console.Hint(
		fmt.Errorf("--%s%s has no effect with --%stokenizer %s", s.Prefix, flag, s.Prefix, name), "leave one of them out")}
}
