package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/embedding"
	"uer/internal/masking"
	"uer/internal/task"
	"uer/internal/vocab"
)

// trainingData is what a model is trained on, checked against the settings.
type trainingData struct {
	vocabulary       *vocab.Vocabulary
	targetVocabulary *vocab.Vocabulary // nil except for seq2seq
	dataset          *dataset.Dataset
	heldOut          *dataset.Dataset // nil without --dev_path
	resumed          *checkpoint.File // what training continues from; nil at the beginning
}

// uerBufferSize is how many instances UER-py shuffles together by default.
const uerBufferSize = 25600

// bufferSize returns how many instances are shuffled together, 0 for all. UER-py's datasets keep UER-py's order.
func (d trainingData) bufferSize(options pretrainOptions) int {
	if options.InstancesBufferSize == 0 && d.dataset.Foreign {
		return uerBufferSize
	}
	return options.InstancesBufferSize
}

// newMasker returns a masker for one loader, nil if the dataset is masked already.
func (d trainingData) newMasker(options masking.Options) (*masking.Masker, error) {
	if !d.dataset.Metadata.Dynamic {
		return nil, nil
	}
	return masking.New(d.vocabulary, options)
}

// openData opens the vocabularies and the dataset, which the caller must close. It rejects a dataset that does not fit the
// settings.
func openData(options pretrainOptions, resumed *checkpoint.File) (data trainingData, err error) {
	data.resumed = resumed
	if data.vocabulary, err = readVocabulary("--vocab_path", options.VocabPath); err != nil {
		return data, moved(err, "--vocab_path", resumed)
	}
	if options.TargetVocabPath != "" {
		if data.targetVocabulary, err = readVocabulary("--tgt_vocab_path", options.TargetVocabPath); err != nil {
			return data, moved(err, "--tgt_vocab_path", resumed)
		}
	}
	if data.dataset, err = dataset.Open(options.DatasetPath); err != nil {
		return data, moved(err, "--dataset_path", resumed)
	}
	if err := cmp.Or(data.check(options), data.openHeldOut(options)); err != nil {
		return data, errors.Join(err, data.close())
	}
	return data, nil
}

func (d trainingData) check(options pretrainOptions) error {
	if d.resumed != nil {
		if err := checkResumed(d.resumed, d, options); err != nil {
			return err
		}
	}
	set, m, made := d.dataset, options.Model, &d.dataset.Metadata
	if err := set.CheckTarget(m.Target); err != nil {
		return err
	}
	if err := set.CheckVocabulary(d.vocabulary, options.VocabPath); err != nil {
		return err
	}
	if err := checkTokenizer(set.Path, "--tokenizer", made.Tokenizer, options.Tokenizer); err != nil {
		return err
	}
	if err := checkLength(set.Path, "--seq_length", made.SequenceLength, m.Embedding, m); err != nil {
		return err
	}
	if err := checkMasking(set, options.Masking); err != nil {
		return err
	}
	if d.targetVocabulary != nil {
		if err := d.checkOutput(options); err != nil {
			return err
		}
	}
	if t := task.ByName[m.Target]; t.Labelled && t.Classes == 0 {
		return set.CheckLabels(m.LabelsNumber)
	}
	return nil
}

// checkOutput compares the settings with those that the outputs of the dataset were made with.
func (d trainingData) checkOutput(options pretrainOptions) error {
	set, m, made := d.dataset, options.Model, &d.dataset.Metadata
	if err := set.CheckTargetVocabulary(d.targetVocabulary, options.TargetVocabPath); err != nil {
		return err
	}
	if err := checkTokenizer(set.Path, "--tgt_tokenizer", made.TargetTokenizer, options.TargetTokenizer); err != nil {
		return err
	}
	return checkLength(set.Path, "--tgt_seq_length", made.TargetSequenceLength, m.TargetEmbedding, m)
}

// readVocabulary reads the vocabulary at the path given by a flag.
func readVocabulary(flag, path string) (*vocab.Vocabulary, error) {
	vocabulary, err := vocab.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = console.Hint(err, flag+" names the file; a relative path starts at the current directory")
	}
	return vocabulary, err
}

// checkTokenizer rejects a dataset made with another tokenizer than expected, if both are known.
func checkTokenizer(path, flag, made, expected string) error {
	if expected == "" || made == "" || made == expected {
		return nil
	}
	return console.Hint(fmt.Errorf("%s was made with %s %s, not %s", path, flag, made, expected),
		fmt.Sprintf("leave out %s, or run uer preprocess again", flag))
}

// checkLength rejects sequences longer than the position table, if the embedding has one.
func checkLength(path, flag string, length int, name string, m config.Model) error {
	positions := m.MaxSequenceLength
	if length <= positions || !embedding.ByName[name].Positions {
		return nil
	}
	return console.Hint(fmt.Errorf("%s: instances of %s %d do not fit --max_seq_length %d", path, flag, length, positions),
		fmt.Sprintf("pass --max_seq_length %d, or run uer preprocess with %s %d", length, flag, positions))
}

func checkMasking(d *dataset.Dataset, options masking.Options) error {
	if !options.Span || d.Metadata.Dynamic {
		return nil
	}
	return console.Hint(fmt.Errorf("%s: --span_masking has no effect, because the dataset is masked already", d.Path),
		"leave it out, or run uer preprocess with --dynamic_masking")
}
