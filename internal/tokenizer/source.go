package tokenizer

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/registry"
	"uer/internal/sentencepiece"
	"uer/internal/vocab"
)

// sentencePieceName is what datasets call the tokenizer of a SentencePiece model.
const sentencePieceName = "sentencepiece"

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

// Names are the values of --tokenizer. A SentencePiece model or a tokenizer.json brings a tokenizer of its own.
var Names = []string{"bert", "bpe", "char", "space"}

// Path returns the file that holds the vocabulary, "" if none is named.
func (s Source) Path() string { return cmp.Or(s.SentencePiece, s.Vocabulary) }

// Files returns the files that are named.
func (s Source) Files() []string {
	var files []string
	for _, path := range []string{s.Vocabulary, s.Special, s.Merges, s.SentencePiece} {
		if path != "" {
			files = append(files, path)
		}
	}
	return files
}

// Expected returns the name of the tokenizer that the source stands for, "" if it may be any.
func (s Source) Expected() string {
	if s.SentencePiece != "" {
		return sentencePieceName
	}
	return s.Name
}

// Read reads the files of a tokenizer and checks that the settings go together.
func (s Source) Read() (*Model, error) {
	f, err := s.open()
	if err != nil {
		return nil, err
	}
	name := cmp.Or(s.Expected(), "bert")
	if f.description != nil {
		if name != "bert" { // the default
			return nil, s.usage(fmt.Sprintf("--%stokenizer %s has no effect with %s", s.Prefix, name, s.Vocabulary),
				"leave it out: a tokenizer.json describes a tokenizer")
		}
		name = descriptionName
	}
	flags := []struct{ name, value, tokenizer string }{
		{"do_lower_case", s.LowerCase, "bert"}, {"strip_accents", s.StripAccents, "bert"}, {"merges_path", s.Merges, "bpe"},
	}
	for _, flag := range flags {
		if flag.value != "" && flag.tokenizer != name {
			return nil, s.usage(fmt.Sprintf("--%s%s has no effect with the tokenizer %s", s.Prefix, flag.name, name),
				fmt.Sprintf("it is for --%stokenizer %s", s.Prefix, flag.tokenizer))
		}
	}
	switch name {
	case "bert":
		return bertModel(f.vocabulary, s.rules()), nil
	case "bpe":
		return s.bpe(f.vocabulary)
	case descriptionName:
		make, err := f.description.tokenizer(f.vocabulary)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Vocabulary, err)
		}
		return &Model{Name: name, Settings: digest("file", f.data), Vocabulary: f.vocabulary, make: make}, nil
	case sentencePieceName:
		return &Model{Name: name, Settings: digest("model", f.data), Vocabulary: f.vocabulary,
			make: func() Tokenizer { return f.pieces.NewEncoder() }}, nil
	}
	make, err := registry.Find(ByName, s.Prefix+"tokenizer", name)
	if err != nil {
		return nil, err
	}
	return make(f.vocabulary), nil
}

// ReadVocabulary reads only the vocabulary.
func (s Source) ReadVocabulary() (*vocab.Vocabulary, error) {
	f, err := s.open()
	if err != nil {
		return nil, err
	}
	return f.vocabulary, nil
}

// file is the file of a vocabulary and what it holds.
type file struct {
	data       []byte
	vocabulary *vocab.Vocabulary
	pieces     *sentencepiece.Model // nil unless it is a SentencePiece model

	description *description // nil unless it is a tokenizer.json
}

// open reads the file of the vocabulary.
func (s Source) open() (f file, err error) {
	special := vocab.Special{}
	if s.Special != "" {
		if special, err = vocab.ReadSpecial(s.Special); err != nil {
			return f, err
		}
	}
	switch {
	case s.Path() == "":
		return f, s.usage(fmt.Sprintf("required but not set: --%svocab_path", s.Prefix),
			fmt.Sprintf("or --%sspm_model_path, for a SentencePiece model", s.Prefix))
	case s.SentencePiece != "" && s.Vocabulary != "":
		return f, s.usage(fmt.Sprintf("--%svocab_path has no effect with --%sspm_model_path", s.Prefix, s.Prefix),
			"leave it out: a SentencePiece model holds its vocabulary")
	case s.SentencePiece != "" && s.Name != "" && s.Name != "bert": // UER-py wants bert, or takes it by default
		return f, s.usage(fmt.Sprintf("--%stokenizer %s has no effect with --%sspm_model_path", s.Prefix, s.Name, s.Prefix),
			"leave one of them out")
	case s.SentencePiece != "":
		if f.pieces, f.data, err = sentencepiece.Read(s.SentencePiece); err != nil {
			return f, err
		}
		f.vocabulary, err = vocab.New(s.SentencePiece, f.pieces.Pieces, special)
		return f, err
	}
	if f.data, err = durable.ReadFile(s.Vocabulary, durable.LargestText); err != nil {
		return f, fmt.Errorf("read vocabulary: %w", err)
	}
	switch {
	case filepath.Ext(s.Vocabulary) == ".json" && !json.Valid(f.data):
		err = damagedJSON(s.Vocabulary, f.data)
	case !isJSON(f.data):
		f.vocabulary, err = vocab.Parse(s.Vocabulary, f.data, special)
	case isDescription(f.data):
		f.description, f.vocabulary, err = parseDescription(s.Vocabulary, f.data, special)
	case s.Name != "" && s.Name != "bpe":
		err = s.usage(fmt.Sprintf("%s is a vocabulary of byte pairs, not one for --%stokenizer %s", s.Vocabulary, s.Prefix, s.Name),
			fmt.Sprintf("pass --%stokenizer bpe and --%smerges_path merges.txt", s.Prefix, s.Prefix))
	default:
		f.vocabulary, err = vocab.ParseJSON(s.Vocabulary, f.data, special)
	}
	return f, err
}

func (s Source) usage(text, hint string) error {
	return console.UsageError{Err: console.Hint(errors.New(text), hint)}
}

func digest(of string, data []byte) string { return fmt.Sprintf("%s %x", of, sha256.Sum256(data)) }

// damagedJSON says where a file stops being JSON.
func damagedJSON(path string, data []byte) error {
	err := json.Unmarshal(data, new(json.RawMessage))
	if at := (*json.SyntaxError)(nil); errors.As(err, &at) {
		err = fmt.Errorf("byte %d: %w", at.Offset, err)
	}
	return console.Hint(fmt.Errorf("%s: not JSON, or damaged: %w", path, err),
		"a vocabulary with one token per line has another name, such as vocab.txt")
}

// isJSON tells a JSON object from a vocabulary of one token per line.
func isJSON(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Valid(data)
}

// bpe makes GPT-2's tokenizer.
func (s Source) bpe(v *vocab.Vocabulary) (*Model, error) {
	if s.Merges == "" {
		return nil, s.usage(fmt.Sprintf("--%stokenizer bpe needs --%smerges_path", s.Prefix, s.Prefix),
			"it names the merges.txt of the model")
	}
	merges, data, err := readMerges(s.Merges, v)
	if err != nil {
		return nil, err
	}
	return &Model{Name: "bpe", Settings: digest("merges", data), Vocabulary: v,
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
