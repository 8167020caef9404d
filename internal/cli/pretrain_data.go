package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"

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
	masking          masking.Options
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

// resumedPath returns the path of the checkpoint that training continues from, "" if there is none.
func (d trainingData) resumedPath() string {
	if d.resumed == nil {
		return ""
	}
	return d.resumed.Path
}

// newMasker returns a masker for one loader, nil if the dataset is masked already.
func (d trainingData) newMasker() (*masking.Masker, error) {
	if !d.dataset.Metadata.Dynamic {
		return nil, nil
	}
	return masking.New(d.vocabulary, d.masking)
}

// openData opens the vocabularies and the dataset, which the caller must close. It rejects a dataset that does not fit the
// settings.
func openData(options pretrainOptions, resumed *checkpoint.File, w io.Writer) (data trainingData, err error) {
	data.resumed = resumed
	if data.vocabulary, err = readVocabulary(options.Source, w); err != nil {
		return data, moved(err, "--vocab_path", resumed)
	}
	if options.TargetSource.Path() != "" {
		if data.targetVocabulary, err = readVocabulary(options.TargetSource, w); err != nil {
			return data, moved(err, "--tgt_vocab_path", resumed)
		}
	}
	if data.masking, err = options.Masking.read(data.vocabulary); err != nil {
		return data, err
	}
	if data.dataset, err = openDatasets(options.DatasetPaths); err != nil {
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
	for _, part := range d.dataset.Parts {
		one := d
		one.dataset, one.resumed = part.Dataset, nil
		if err := one.check(options); err != nil {
			return err
		}
	}
	if d.dataset.Parts != nil {
		return d.checkMix(options)
	}
	set, m, made := d.dataset, options.Model, &d.dataset.Metadata
	if err := set.CheckTarget(m.Target); err != nil {
		return err
	}
	if err := set.CheckVocabulary(d.vocabulary, options.Source.Path()); err != nil {
		return err
	}
	if err := checkTokenizer(set.Path, options.Source, made.Tokenizer); err != nil {
		return err
	}
	if err := checkLength(set.Path, "--seq_length", made.SequenceLength, m.Embedding, m); err != nil {
		return err
	}
	if err := checkMasking(set, options.Masking.Options); err != nil {
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

// checkMix refuses settings that a mix of datasets cannot have.
func (d trainingData) checkMix(options pretrainOptions) error {
	if options.InstancesBufferSize > 0 {
		return console.UsageError{Err: console.Hint(errors.New("--instances_buffer_size shuffles one dataset, as UER-py does, and not a mix"),
			"leave it out")}
	}
	return nil
}

// checkOutput compares the settings with those that the outputs of the dataset were made with.
func (d trainingData) checkOutput(options pretrainOptions) error {
	set, m, made := d.dataset, options.Model, &d.dataset.Metadata
	if err := set.CheckTargetVocabulary(d.targetVocabulary, options.TargetSource.Path()); err != nil {
		return err
	}
	if err := checkTokenizer(set.Path, options.TargetSource, made.TargetTokenizer); err != nil {
		return err
	}
	return checkLength(set.Path, "--tgt_seq_length", made.TargetSequenceLength, m.TargetEmbedding, m)
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
	flag := ""
	switch {
	case d.Metadata.Dynamic:
		return nil
	case options.Span:
		flag = "--span_masking"
	case options.WholeWord:
		flag = "--whole_word_masking"
	case options.Rate != masking.DefaultRate && options.Rate != d.Metadata.MaskRate:
		flag = "--mask_rate"
	default:
		return nil
	}
	return console.Hint(fmt.Errorf("%s: %s has no effect, because the dataset is masked already", d.Path, flag),
		"leave it out, or run uer preprocess with --dynamic_masking")
}
