package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/durable"
	"uer/internal/masking"
	"uer/internal/vocab"
)

// trainingData is what a model is trained on, checked against the settings.
type trainingData struct {
	vocabulary *vocab.Vocabulary
	dataset    *dataset.Dataset
}

// newMasker makes a masker for one loader; none if the dataset holds masks.
func (d trainingData) newMasker(options masking.Options) (*masking.Masker, error) {
	if !d.dataset.Metadata.Dynamic {
		return nil, nil
	}
	return masking.New(d.vocabulary, options)
}

// openData opens the vocabulary and the dataset, which the caller closes. A dataset that was made for something else
// than the settings say is refused.
func openData(options pretrainOptions) (trainingData, error) {
	vocabulary, err := readVocabulary(options.VocabPath)
	if err != nil {
		return trainingData{}, err
	}
	d, err := dataset.Open(options.DatasetPath)
	if err != nil {
		return trainingData{}, err
	}
	if err := cmp.Or(d.CheckTarget(options.Model.Target), d.CheckVocabulary(vocabulary, options.VocabPath),
		checkTokenizer(d, options.Tokenizer), checkLength(d, options.Model),
		checkMasking(d, options.Masking)); err != nil {
		return trainingData{}, errors.Join(err, d.Close())
	}
	return trainingData{vocabulary, d}, nil
}

// readVocabulary reads a vocabulary whose path the user has typed.
func readVocabulary(path string) (*vocab.Vocabulary, error) {
	vocabulary, err := vocab.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = console.Hint(err, "--vocab_path names the file; a relative path starts at the current directory")
	}
	return vocabulary, err
}

func checkTokenizer(d *dataset.Dataset, wanted string) error {
	made := d.Metadata.Tokenizer
	if wanted == "" || made == "" || made == wanted {
		return nil
	}
	return console.Hint(fmt.Errorf("%s was made with --tokenizer %s, not %s", d.Path, made, wanted),
		"leave out --tokenizer, or run uer preprocess again")
}

// checkLength wants a row of the position table for each token.
func checkLength(d *dataset.Dataset, m config.Model) error {
	length, positions := d.Metadata.SequenceLength, m.MaxSequenceLength
	if length <= positions || m.Embedding == "word" {
		return nil
	}
	return console.Hint(fmt.Errorf("%s: instances of --seq_length %d do not fit --max_seq_length %d", d.Path, length, positions),
		fmt.Sprintf("pass --max_seq_length %d, or run uer preprocess with --seq_length %d", length, positions))
}

func checkMasking(d *dataset.Dataset, options masking.Options) error {
	if !options.Span || d.Metadata.Dynamic {
		return nil
	}
	return console.Hint(fmt.Errorf("%s: --span_masking would change nothing, as the dataset was masked when it was made", d.Path),
		"leave it out, or run uer preprocess with --dynamic_masking")
}

// checkOutput says early that a file cannot be written.
func checkOutput(path string) error {
	err := durable.Check(path)
	var missing *durable.MissingFolderError
	if errors.As(err, &missing) {
		return console.Hint(err, "mkdir -p "+filepath.Dir(path))
	}
	return err
}
