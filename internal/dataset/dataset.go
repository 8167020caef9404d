// Package dataset is the file between preprocessing and training: an Arrow IPC file of instances, which opens in
// pyarrow and pandas as well. UER-py's own datasets are read, too.
package dataset

import (
	"bytes"
	"fmt"
	"slices"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/instance"
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
	Foreign  bool // written by UER-py: the vocabulary is unknown, and mlm counts for t5, bert for albert

	source source
}

// source reads one of the two formats.
type source interface {
	instance(i int, into *instance.Instance) error
	close() error
}

// Open opens a dataset in either format, told apart by their first bytes. It fails if the file is neither, is
// truncated or damaged at its end, or holds no instance. Our own format costs the reading of the footer; UER-py's has
// no index, so the whole file is run through.
func Open(path string) (*Dataset, error) {
	mapping, err := durable.Map(path)
	if err != nil {
		return nil, console.Hint(err, makeOne)
	}
	d, err := open(path, mapping)
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
		return &Dataset{Metadata: f.metadata, Path: path, source: f}, nil
	case isPickle(data):
		f, err := openPickles(path, mapping)
		if err != nil {
			return nil, err
		}
		return &Dataset{Metadata: f.metadata, Path: path, Foreign: true, source: f}, nil
	}
	return nil, console.Hint(fmt.Errorf("read %s: not a dataset", path), makeOne)
}

// Len returns the number of instances, which is at least one.
func (d *Dataset) Len() int { return int(d.Metadata.Instances) }

// Instance reads instance i into into, reusing the memory of its slices. What it returns fits Metadata:
// lengths, positions, segment ends and, if VocabularySize is known, ids. The error of damaged data names the instances.
func (d *Dataset) Instance(i int, into *instance.Instance) error {
	return d.source.instance(i, into)
}

// Close unmaps the file. No other goroutine may be reading.
func (d *Dataset) Close() error { return d.source.close() }

// CheckTarget tells whether the dataset can train a target.
func (d *Dataset) CheckTarget(target string) error {
	made := []string{d.Metadata.Target}
	if d.Foreign && made[0] == "mlm" {
		made = append(made, "t5")
	}
	if d.Foreign && made[0] == "bert" {
		made = append(made, "albert")
	}
	if slices.Contains(made, target) {
		return nil
	}
	return console.Hint(fmt.Errorf("%s was made for --target %s, not %s", d.Path, made[0], target),
		fmt.Sprintf("train with --target %s, or run uer preprocess with --target %s", made[0], target))
}

// CheckVocabulary tells whether the dataset was made with a vocabulary, read from path. Of a file by UER-py this
// cannot be told.
func (d *Dataset) CheckVocabulary(vocabulary *vocab.Vocabulary, path string) error {
	return d.checkVocabulary("vocabulary", "--vocab_path", d.Metadata.VocabularySHA256, vocabulary, path)
}

// CheckTargetVocabulary is CheckVocabulary for the vocabulary of the outputs of seq2seq.
func (d *Dataset) CheckTargetVocabulary(vocabulary *vocab.Vocabulary, path string) error {
	return d.checkVocabulary("target vocabulary", "--tgt_vocab_path", d.Metadata.TargetVocabularySHA256, vocabulary, path)
}

func (d *Dataset) checkVocabulary(kind, flag, digest string, vocabulary *vocab.Vocabulary, path string) error {
	if digest == "" || digest == vocabulary.SHA256() {
		return nil
	}
	return console.Hint(fmt.Errorf("%s was made with another %s (SHA-256 %.12s…) than %s (%d tokens, SHA-256 %.12s…)",
		d.Path, kind, digest, path, vocabulary.Size(), vocabulary.SHA256()),
		fmt.Sprintf("pass the %s that the dataset was made with, or run uer preprocess again", flag))
}
