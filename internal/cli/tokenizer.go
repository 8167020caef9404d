package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/tokenizer"
	"uer/internal/vocab"
)

// addVocabularyFlags adds the files of a tokenizer. The prefix is that of the flags' names: "" or "tgt_".
func addVocabularyFlags(group config.Group, s *tokenizer.Source, prefix, of string) {
	s.Prefix = prefix
	group.Text(&s.Vocabulary, prefix+"vocab_path", "",
		"vocabulary"+of+": tokens in lines, vocab.json or tokenizer.json")
	group.Text(&s.SentencePiece, prefix+"spm_model_path", "", "SentencePiece model"+of+", in place of a vocabulary")
	group.Text(&s.Merges, prefix+"merges_path", "", "merges.txt"+of+", for --"+prefix+"tokenizer bpe")
	group.Text(&s.Special, prefix+"special_tokens_map", "", "JSON file that names the special tokens"+of)
}

// addTokenizerFlags adds what a tokenizer does. Without a default, the flags are only compared with a dataset.
func addTokenizerFlags(group config.Group, s *tokenizer.Source, name, of string) {
	yesOrNo := []string{"true", "false"}
	group.Choice(&s.Name, s.Prefix+"tokenizer", name, tokenizer.Names,
		"how to split text"+of+" into tokens, unless the vocabulary brings its own way")
	group.Choice(&s.LowerCase, s.Prefix+"do_lower_case", "", yesOrNo, "whether bert lowers the case"+of+"; yes by default")
	group.Choice(&s.StripAccents, s.Prefix+"strip_accents", "", yesOrNo,
		"whether bert strips accents"+of+"; as --"+s.Prefix+"do_lower_case if not given")
}

// readTokenizer reads a tokenizer and says what was passed over in its files.
func readTokenizer(s tokenizer.Source, w io.Writer) (*tokenizer.Model, error) {
	model, err := s.Read()
	if err != nil {
		return nil, hintPath(s, err)
	}
	remark(w, model.Vocabulary)
	return model, nil
}

// readVocabulary reads only the vocabulary.
func readVocabulary(s tokenizer.Source, w io.Writer) (*vocab.Vocabulary, error) {
	v, err := s.ReadVocabulary()
	if err != nil {
		return nil, hintPath(s, err)
	}
	remark(w, v)
	return v, nil
}

func remark(w io.Writer, v *vocab.Vocabulary) {
	for _, text := range v.Remarks {
		fmt.Fprintf(w, "uer: note: %s\n", text)
	}
}

// hintPath adds to the error about an absent file which flags name the files.
func hintPath(s tokenizer.Source, err error) error {
	var absent *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &absent) {
		return err
	}
	for flag, path := range map[string]string{
		"vocab_path": s.Vocabulary, "spm_model_path": s.SentencePiece, "merges_path": s.Merges, "special_tokens_map": s.Special,
	} {
		if path == absent.Path {
			return console.Hint(err, "--"+s.Prefix+flag+" names the file; a relative path starts at the current directory")
		}
	}
	return err
}

// checkTokenizer rejects a dataset made with another tokenizer than expected, as far as both are known.
func checkTokenizer(path string, s tokenizer.Source, made dataset.TokenizerMade) error {
	flag := "--" + s.Prefix + "tokenizer"
	if name := s.Expected(); name != "" && made.Name != "" && made.Name != name {
		return console.Hint(fmt.Errorf("%s was made with %s %s, not %s", path, flag, made.Name, name),
			fmt.Sprintf("leave out %s, or run uer preprocess again", flag))
	}
	given := s.LowerCase != "" || s.StripAccents != "" || s.Merges != "" || s.SentencePiece != ""
	if made.Settings == "" || !given {
		return nil
	}
	if s.Name == "" && slices.Contains(tokenizer.Names, made.Name) {
		s.Name = made.Name
	}
	model, err := s.Read()
	if err != nil {
		return hintPath(s, err)
	}
	if model.Settings == made.Settings {
		return nil
	}
	return console.Hint(
		fmt.Errorf("%s was made with %s %s and %s, not %s", path, flag, made.Name, made.Settings, model.Settings),
		"leave these settings out, or run uer preprocess again")
}
