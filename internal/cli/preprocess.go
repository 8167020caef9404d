package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/masking"
	"uer/internal/tokenizer"
)

type preprocessOptions struct {
	CorpusPath  string
	VocabPath   string
	DatasetPath string

	Tokenizer       string
	Target          string
	ProcessesNumber int
	DocsBufferSize  int
	SequenceLength  int
	DupFactor       int
	FullSentences   bool
	DynamicMasking  bool
	Masking         masking.Options
	Seed            int64
}

func newPreprocess(streams Streams) *cobra.Command {
	var options preprocessOptions
	command := newCommand("preprocess", "Turn a text into a dataset of training examples",
		"Turn a text, a document a line, into a dataset of training examples for uer pretrain.",
		func(command *cobra.Command) error {
			return preprocess(command.Context(), options, streams)
		})
	options.addFlags(command.Flags())
	completeChoices(command)
	return command
}

func (o *preprocessOptions) addFlags(flags *pflag.FlagSet) {
	paths := config.NewGroup(flags, "Paths")
	paths.Text(&o.CorpusPath, "corpus_path", "", "UTF-8 text to read")
	paths.Text(&o.VocabPath, "vocab_path", "", "vocabulary, one token a line")
	paths.Text(&o.DatasetPath, "dataset_path", "dataset.pt", "dataset to write")
	paths.Require("corpus_path", "vocab_path")

	data := config.NewGroup(flags, "Data")
	data.Choice(&o.Target, "target", "", targets, "what a model will learn from the dataset")
	data.Choice(&o.Tokenizer, "tokenizer", "bert", names(tokenizer.ByName), "how to split text into tokens")
	data.Int(&o.SequenceLength, "seq_length", 128, 3, "tokens in an instance, with those at its start and end")
	data.Int(&o.DupFactor, "dup_factor", 5, 1, "passes through the corpus, each with masks of its own")
	data.Bool(&o.FullSentences, "full_sentences", "fill instances up with sentences of the next documents")
	data.Int(&o.DocsBufferSize, "docs_buffer_size", 100000, 1, "documents that --full_sentences joins at a time")
	data.Seed(&o.Seed, "seed", 7, "seed of all random numbers")
	data.Require("target")

	maskGroup := config.NewGroup(flags, "Masking")
	maskGroup.Bool(&o.DynamicMasking, "dynamic_masking", "store one unmasked pass; pretrain masks it anew each time")
	addMaskingFlags(maskGroup, &o.Masking, "mask")

	run := config.NewGroup(flags, "Run")
	run.Int(&o.ProcessesNumber, "processes_num", 1, 1, "workers; the dataset does not depend on their number")
}

// preprocess reads the corpus, builds its instances and writes the dataset.
func preprocess(ctx context.Context, options preprocessOptions, streams Streams) error {
	return errors.New("not there yet")
}
