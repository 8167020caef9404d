// Package dataset is the file between preprocessing and training: an Arrow IPC file of instances, which pyarrow and
// pandas open as well. It also reads UER-py's datasets.
//
// A file is untrusted. Checksums reveal damage; beyond them, what Instance returns has the form that its task prescribes,
// so that it can be indexed without further checks. Ids are the exception: package batch bounds them when it reads, by
// the vocabularies of the training, which the file may not be made for.
package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/task"
	"uer/internal/vocab"
)

// What to do about a file that cannot be used.
const (
	makeOne = "make one with uer preprocess"
	remake  = "copy the file again if it was copied, or make it again with uer preprocess"
)

// Dataset is an open file of instances. It may be used by several goroutines at a time.
type Dataset struct {
	Metadata Metadata
	Path     string
	Foreign  bool // written by UER-py: the vocabulary is unknown

	// Parts are the datasets of a mix; nil for any other.
	Parts  []Part
	starts []int // the number of the first instance of each part

	targets []string // that it can train
	source  source
	mapping *durable.Mapping
}

// source reads one of the two formats.
type source interface {
	instance(i int, into *task.Instance) error
	identity() []byte // bytes that differ from those of other datasets
	close() error
}

// Open opens a dataset in either format, told apart by their first bytes. It fails if the file is neither, is truncated or
// damaged at its end, or holds no instance. Of our own format it reads the footer; UER-py's has no index, so that it goes
// through the whole file.
func Open(path string) (d *Dataset, err error) {
	defer durable.Recover(&err, durable.Guard())
	mapping, err := durable.Map(path)
	if errors.As(err, new(*durable.PipeError)) {
		return nil, console.Hint(err, "copy it to a file first: instances are read in any order")
	}
	if err != nil {
		return nil, console.Hint(err, makeOne)
	}
	if err = mapping.Watch(); err == nil {
		d, err = open(path, mapping)
	}
	if err != nil {
		_ = mapping.Close()
		return nil, err
	}
	return d, nil
}

func open(path string, mapping *durable.Mapping) (*Dataset, error) {
	data := mapping.Bytes
	switch {
	case len(data) == 0:
		return nil, console.Hint(fmt.Errorf("read %s: empty: there are no instances", path),
			"look at what uer preprocess (or UER-py's preprocess.py, which hides errors of its workers) said, and run it again")
	case bytes.HasPrefix(data, []byte(arrowMagic)):
		f, err := openArrow(path, mapping)
		if err != nil {
			return nil, err
		}
		return &Dataset{Metadata: f.metadata, Path: path, targets: []string{f.task.Name}, source: f, mapping: mapping}, nil
	case isPickle(data):
		f, err := openPickles(path, mapping)
		if err != nil {
			return nil, err
		}
		return &Dataset{Metadata: f.metadata, Path: path, Foreign: true, targets: f.form.targets, source: f, mapping: mapping}, nil
	}
	return nil, console.Hint(fmt.Errorf("read %s: not a dataset", path), makeOne)
}

// Len returns the number of instances, which is at least one.
func (d *Dataset) Len() int { return int(d.Metadata.Instances) }

// Instance reads instance i into into, reusing the memory of its lists. Lengths, positions and segment ends fit Metadata;
// the ids may be any numbers. The error for damaged data names the instances.
func (d *Dataset) Instance(i int, into *task.Instance) (err error) {
	defer durable.Recover(&err, durable.Guard())
	return d.source.instance(i, into)
}

// Intact returns an error if another program has shortened the file since it was opened. What was read then may be zeros.
func (d *Dataset) Intact() error {
	for _, p := range d.Parts {
		if err := p.Intact(); err != nil {
			return err
		}
	}
	if d.Parts != nil {
		return nil
	}
	return console.Hint(d.mapping.Shortened(), "leave the dataset alone while a training reads it; "+remake)
}

// Close unmaps the file. No other goroutine may be reading.
func (d *Dataset) Close() error { return d.source.close() }

// CheckTarget returns an error unless the dataset can train a target.
func (d *Dataset) CheckTarget(target string) error {
	if slices.Contains(d.targets, target) {
		return nil
	}
	return console.Hint(fmt.Errorf("%s was made for --target %s, not %s", d.Path, d.targets[0], target),
		fmt.Sprintf("train with --target %s, or run uer preprocess with --target %s", d.targets[0], target))
}

// CheckLabels returns an error if a label is not below the number of classes. It reads the whole dataset, as a label that
// the model cannot predict would otherwise end the training when its turn comes.
func (d *Dataset) CheckLabels(classes int) error {
	var x task.Instance
	greatest, at := int32(-1), 0
	for i := range d.Len() {
		if err := d.Instance(i, &x); err != nil {
			return err
		}
		if x.Label > greatest {
			greatest, at = x.Label, i
		}
	}
	if int(greatest) < classes {
		return nil
	}
	return console.Hint(fmt.Errorf("%s: instance %d has label %d, outside 0 to %d", d.Path, at, greatest, classes-1),
		fmt.Sprintf("pass --labels_num %d", greatest+1))
}

// CheckVocabulary returns an error if the dataset was made with another vocabulary than the one read from path. It cannot
// tell for a file by UER-py.
func (d *Dataset) CheckVocabulary(vocabulary *vocab.Vocabulary, path string) error {
	m := &d.Metadata
	return d.checkVocabulary("vocabulary", "--", m.VocabularySHA256, m.Tokenizer.SpecialTokens, vocabulary, path)
}

// CheckTargetVocabulary is CheckVocabulary for the vocabulary of the outputs of seq2seq.
func (d *Dataset) CheckTargetVocabulary(vocabulary *vocab.Vocabulary, path string) error {
	m := &d.Metadata
	return d.checkVocabulary("target vocabulary", "--tgt_", m.TargetVocabularySHA256, m.TargetTokenizer.SpecialTokens, vocabulary, path)
}

func (d *Dataset) checkVocabulary(kind, prefix, digest, special string, vocabulary *vocab.Vocabulary, path string) error {
	if digest == "" {
		return nil
	}
	if digest == vocabulary.SHA256() {
		if special == "" || special == vocabulary.SpecialTokens() {
			return nil
		}
		return console.Hint(fmt.Errorf("%s was made with other special tokens (%s) than those of %s (%s)",
			d.Path, special, path, vocabulary.SpecialTokens()),
			fmt.Sprintf("pass the %sspecial_tokens_map that the dataset was made with, or none if it was made without", prefix))
	}
	return console.Hint(fmt.Errorf("%s was made with another %s (SHA-256 %.12s…) than %s (%d tokens, SHA-256 %.12s…)",
		d.Path, kind, digest, path, vocabulary.Size(), vocabulary.SHA256()),
		fmt.Sprintf("pass the %svocab_path that the dataset was made with, or run uer preprocess again", prefix))
}
