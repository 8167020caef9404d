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
	"uer/internal/instance"
	"uer/internal/masking"
	"uer/internal/vocab"
)

// trainingData is what a model is trained on, checked against the settings.
type trainingData struct {
	vocabulary       *vocab.Vocabulary
	targetVocabulary *vocab.Vocabulary // nil but for seq2seq
	dataset          *dataset.Dataset
}

// newMasker makes a masker for one loader; none if the dataset holds masks.
func (d trainingData) newMasker(options masking.Options) (*masking.Masker, error) {
	if !d.dataset.Metadata.Dynamic {
		return nil, nil
	}
	return masking.New(d.vocabulary, options)
}

// openData opens the vocabularies and the dataset, which the caller closes. A dataset that was made for something else
// than the settings say is refused.
func openData(options pretrainOptions) (data trainingData, err error) {
	if data.vocabulary, err = readVocabulary(options.VocabPath); err != nil {
		return data, err
	}
	if options.TargetVocabPath != "" {
		if data.targetVocabulary, err = readVocabulary(options.TargetVocabPath); err != nil {
			return data, err
		}
	}
	if data.dataset, err = dataset.Open(options.DatasetPath); err != nil {
		return data, err
	}
	if err := data.check(options); err != nil {
		return data, errors.Join(err, data.dataset.Close())
	}
	return data, nil
}

func (d trainingData) check(options pretrainOptions) error {
	made := &d.dataset.Metadata
	if err := cmp.Or(d.dataset.CheckTarget(options.Model.Target), d.dataset.CheckVocabulary(d.vocabulary, options.VocabPath),
		checkTokenizer(d.dataset.Path, "--tokenizer", made.Tokenizer, options.Tokenizer),
		checkLength(d.dataset.Path, "--seq_length", made.SequenceLength, options.Model.Embedding, options.Model),
		checkMasking(d.dataset, options.Masking), checkLabels(d.dataset, options.Model)); err != nil {
		return err
	}
	if d.targetVocabulary == nil {
		return nil
	}
	return cmp.Or(d.dataset.CheckTargetVocabulary(d.targetVocabulary, options.TargetVocabPath),
		checkTokenizer(d.dataset.Path, "--tgt_tokenizer", made.TargetTokenizer, options.TargetTokenizer),
		checkLength(d.dataset.Path, "--tgt_seq_length", made.TargetSequenceLength, options.Model.TargetEmbedding, options.Model))
}

// readVocabulary reads a vocabulary whose path the user has typed.
func readVocabulary(path string) (*vocab.Vocabulary, error) {
	vocabulary, err := vocab.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = console.Hint(err, "--vocab_path names the file; a relative path starts at the current directory")
	}
	return vocabulary, err
}

// checkTokenizer compares what a dataset was made with, if that is known, with what the user expects, if anything.
func checkTokenizer(path, flag, made, expected string) error {
	if expected == "" || made == "" || made == expected {
		return nil
	}
	return console.Hint(fmt.Errorf("%s was made with %s %s, not %s", path, flag, made, expected),
		fmt.Sprintf("leave out %s, or run uer preprocess again", flag))
}

// checkLength wants a row of the position table, if the embedding has one, for each token.
func checkLength(path, flag string, length int, embedding string, m config.Model) error {
	positions := m.MaxSequenceLength
	if length <= positions || embedding == "word" {
		return nil
	}
	return console.Hint(fmt.Errorf("%s: instances of %s %d do not fit --max_seq_length %d", path, flag, length, positions),
		fmt.Sprintf("pass --max_seq_length %d, or run uer preprocess with %s %d", length, flag, positions))
}

// checkLabels looks at all labels of cls: one that the model cannot predict would end the training when it comes up.
func checkLabels(d *dataset.Dataset, m config.Model) error {
	if m.Target != "cls" {
		return nil
	}
	var x instance.Instance
	greatest, at := int32(-1), 0
	for i := range d.Len() {
		if err := d.Instance(i, &x); err != nil {
			return err
		}
		if x.Label > greatest {
			greatest, at = x.Label, i
		}
	}
	if int(greatest) < m.LabelsNumber {
		return nil
	}
	return console.Hint(fmt.Errorf("%s: instance %d has label %d, outside 0 to %d", d.Path, at, greatest, m.LabelsNumber-1),
		fmt.Sprintf("pass --labels_num %d", greatest+1))
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
