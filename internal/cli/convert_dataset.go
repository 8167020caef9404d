package cli

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/task"
	"uer/internal/tokenizer"
)

// convertDataset rewrites all instances of a dataset.
func (o *convertOptions) convertDataset(flags *pflag.FlagSet, status io.Writer) (err error) {
	d, err := dataset.Open(o.inputs[0])
	if err != nil {
		return err
	}
	defer d.Close()
	m := d.Metadata
	if flags.Changed("target") || flags.Changed("data_processor") {
		if m.Target, err = o.training.Target.resolve(flags); err != nil {
			return err
		}
		if err := d.CheckTarget(m.Target); err != nil {
			return err
		}
	}
	write, finish, abort, err := o.createDataset(d, m)
	if err != nil {
		return err
	}
	defer abort()
	totals := m.Totals
	var x task.Instance
	for i := range d.Len() {
		if err := d.Instance(i, &x); err != nil {
			return err
		}
		if d.Foreign {
			totals.Tokens += int64(len(x.Tokens) + len(x.Output))
		}
		if err := write(&x); err != nil {
			return err
		}
	}
	if err := finish(totals); err != nil {
		return err
	}
	fmt.Fprintf(status, "Written  %s: %s of target %s\n", o.output, counted(int64(d.Len()), "instance"), m.Target)
	return nil
}

// createDataset starts the output.
func (o *convertOptions) createDataset(d *dataset.Dataset, m dataset.Metadata) (write func(*task.Instance) error,
	finish func(dataset.Totals) error, abort func(), err error) {
	if o.To == toUERDataset {
		w, err := dataset.CreatePickles(o.output, o.DatasetForm, m)
		if err != nil {
			return nil, nil, nil, err
		}
		return w.Append, func(dataset.Totals) error { return w.Close() }, w.Abort, nil
	}
	if d.Foreign {
		if err := o.describe(&m); err != nil {
			return nil, nil, nil, err
		}
	}
	w, err := dataset.Create(o.output, m)
	if err != nil {
		return nil, nil, nil, err
	}
	return func(x *task.Instance) error { return w.Append(*x) }, w.Close, w.Abort, nil
}

// describe adds to the metadata what a dataset of UER-py does not say.
func (o *convertOptions) describe(m *dataset.Metadata) error {
	if o.Source.Vocabulary == "" {
		return console.UsageError{Err: console.Hint(fmt.Errorf("a dataset of UER-py does not say which vocabulary it was made with"),
			"pass --vocab_path, and for seq2seq --tgt_vocab_path")}
	}
	if err := checkTargetVocabulary(m.Target, tokenizer.Source{Vocabulary: o.TargetVocabPath, Prefix: "tgt_"}); err != nil {
		return err
	}
	vocabulary, err := readVocabularyFile("--vocab_path", o.Source.Vocabulary)
	if err != nil {
		return err
	}
	m.VocabularySHA256, m.VocabularySize, m.Tokenizer.Name = vocabulary.SHA256(), vocabulary.Size(), cmp.Or(o.Source.Name, "bert")
	if o.TargetVocabPath == "" {
		return nil
	}
	outputs, err := readVocabularyFile("--tgt_vocab_path", o.TargetVocabPath)
	if err != nil {
		return err
	}
	m.TargetVocabularySHA256, m.TargetTokenizer.Name = outputs.SHA256(), cmp.Or(o.Source.Name, "bert")
	m.VocabularySize = max(m.VocabularySize, outputs.Size())
	return nil
}
