package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/corpus"
	"uer/internal/durable"
	"uer/internal/tokenizer"
	"uer/internal/wordlist"
)

// buildVocabOptions are the settings of uer build_vocab.
type buildVocabOptions struct {
	Corpus   corpus.Options
	BadLines string
	Source   tokenizer.Source // its files are written
	Size     int
	MinCount int
	Workers  int
}

const buildVocabExamples = `  # one token per character, as for Chinese
  uer build_vocab --corpus_path corpora/demo.txt --vocab_path vocab.txt \
                  --tokenizer char --min_count 2

  # WordPiece, for --tokenizer bert with case and accents
  uer build_vocab --corpus_path corpora/demo.txt --vocab_path vocab.txt \
                  --tokenizer bert --do_lower_case false --size 8000

  # byte pairs, for --tokenizer bpe
  uer build_vocab --corpus_path corpora/demo.txt --vocab_path vocab.json \
                  --merges_path merges.txt --tokenizer bpe --size 8000`

func newBuildVocab(streams Streams) *cobra.Command {
	var options buildVocabOptions
	command := newCommand("build_vocab", "Make a vocabulary from a text",
		"Make a vocabulary from a text: special tokens, then the tokens for one of the tokenizers, the most frequent first.",
		func(command *cobra.Command) error { return buildVocab(command.Context(), options, streams) })
	command.Example = buildVocabExamples
	options.addFlags(command.Flags())
	completeChoices(command)
	return command
}

func (o *buildVocabOptions) addFlags(flags *pflag.FlagSet) {
	paths := config.NewGroup(flags, "Paths")
	paths.Texts(&o.Corpus.Paths, "corpus_path", "text to read: files, folders, patterns in quotes, or - for standard input")
	paths.Text(&o.Source.Vocabulary, "vocab_path", "", "vocabulary to write")
	paths.Text(&o.Source.Merges, "merges_path", "", "merges to write, for --tokenizer bpe")
	paths.Require("corpus_path", "vocab_path")

	addCorpusFlags(config.NewGroup(flags, "Text"), &o.Corpus, &o.BadLines)

	data := config.NewGroup(flags, "Vocabulary")
	addTokenizerFlags(data, &o.Source, "space", "")
	data.Int(&o.Size, "size", 0, 1, "maximum number of tokens; 30000 for bert and bpe if not given, else unlimited")
	data.Int(&o.MinCount, "min_count", 1, 1, "how often a token must occur in the text")

	run := config.NewGroup(flags, "Run")
	run.IntTo(&o.Workers, "processes_num", 1, 1, maxWorkers, "number of workers; it does not affect the vocabulary")
}

// defaultSize is the number of tokens for tokenizers that divide words.
const defaultSize = 30000

func (o *buildVocabOptions) check() error {
	bpe := o.Source.Name == "bpe"
	switch {
	case bpe && o.Source.Merges == "":
		return console.UsageError{Err: errors.New("--tokenizer bpe needs --merges_path, the second file to write")}
	case !bpe && o.Source.Merges != "":
		return console.UsageError{Err: errors.New("--merges_path has no effect without --tokenizer bpe")}
	case o.Source.Name != "bert" && (o.Source.LowerCase != "" || o.Source.StripAccents != ""):
		return console.UsageError{Err: errors.New("--do_lower_case and --strip_accents have no effect without --tokenizer bert")}
	}
	if o.Size == 0 && (bpe || o.Source.Name == "bert") {
		o.Size = defaultSize
	}
	return o.each(checkOutput)
}

// each calls do for each file to write. None of them replaces a file: nothing tells a vocabulary of uer from another one.
func (o *buildVocabOptions) each(do func(flag, path string) error) error {
	if err := do("--vocab_path", o.Source.Vocabulary); err != nil || o.Source.Merges == "" {
		return err
	}
	return do("--merges_path", o.Source.Merges)
}

// buildVocab counts the words of the text, finds tokens for them and writes these.
func buildVocab(ctx context.Context, options buildVocabOptions, streams Streams) (err error) {
	started := time.Now()
	if err := options.check(); err != nil {
		return err
	}
	where := options.Corpus
	where.SkipBad = options.BadLines == "skip"
	text, err := corpus.Open(where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	if err := options.checkDifferent(text); err != nil {
		return err
	}
	var held locks
	defer func() { held.release() }()
	err = options.each(func(flag, path string) error {
		lock, err := lockOutput(flag, path, streams.Err)
		held = append(held, lock)
		return cmp.Or(err, adviseOutput(flag, durable.Check(path, nil)))
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(streams.Err, "Corpus   %s: %s\n", text.Name(), console.Bytes(int64(text.Size)))
	status := console.NewStatus(streams.Err)
	var read atomic.Int64
	end := status.Show(func() string { return "Count    " + portion(read.Load(), int64(text.Size), time.Since(started)) })
	counts, err := wordlist.Count(ctx, text, options.Source.Words(), options.Workers, func(done int) { read.Store(int64(done)) })
	end()
	if err != nil {
		return err
	}
	end = status.ShowTime("Merge", counted(int64(len(counts)), "word"))
	made, err := wordlist.Build(options.Source.Name, counts, options.Size, int64(options.MinCount))
	end()
	if err != nil {
		return err
	}
	if err := durable.WriteFile(options.Source.Vocabulary, nil, made.WriteVocabulary); err != nil {
		return err
	}
	if options.Source.Merges != "" {
		if err := durable.WriteFile(options.Source.Merges, nil, made.WriteMerges); err != nil {
			return err
		}
	}
	return options.report(made, counts, time.Since(started), streams)
}

// checkDifferent rejects files to write that are inputs, or one and the same.
func (o *buildVocabOptions) checkDifferent(text *corpus.Corpus) error {
	paths := o.Source.Files()
	if len(paths) == 2 && filepath.Clean(paths[0]) == filepath.Clean(paths[1]) {
		return console.UsageError{Err: fmt.Errorf("--vocab_path and --merges_path are both %s", paths[0])}
	}
	for _, path := range paths {
		output, err := os.Stat(path)
		if err != nil {
			continue // there is nothing to replace
		}
		for _, file := range text.Files {
			if input, err := os.Stat(file.Path); err == nil && os.SameFile(input, output) {
				return console.UsageError{Err: fmt.Errorf("%s would replace the input %s", path, file.Path)}
			}
		}
	}
	return nil
}

// report reads what was written and says how much of the text it covers.
func (o *buildVocabOptions) report(made *wordlist.List, counts wordlist.Counts, elapsed time.Duration,
	streams Streams) error {
	model, err := o.Source.Read()
	if err != nil {
		return err
	}
	c := wordlist.Cover(model, counts)
	w := streams.Err
	fmt.Fprintf(w, "Vocab    %s: %s, %d of them special, %s\n", o.Source.Vocabulary,
		counted(int64(model.Vocabulary.Size()), "token"), made.Special, console.Duration(elapsed))
	fmt.Fprintf(w, "Text     %s, %s different; %s of them known, %.2f tokens each\n", counted(c.Words, "word"),
		console.Count(len(counts)), percent(c.Known()), c.TokensPerWord())
	if len(c.Missing) > 0 {
		fmt.Fprintf(w, "         not known, the most frequent first: %s\n", strings.Join(c.Missing, " "))
	}
	return nil
}
