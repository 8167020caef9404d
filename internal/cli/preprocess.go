package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/corpus"
	"uer/internal/dataset"
	"uer/internal/durable"
	"uer/internal/instance"
	"uer/internal/registry"
	"uer/internal/task"
	"uer/internal/tokenizer"
)

type preprocessOptions struct {
	CorpusPath      string
	VocabPath       string
	TargetVocabPath string
	DatasetPath     string
	Target          targetOptions
	Settings        instance.Settings
	Split           splitOptions
	Shards          shardOptions

	flags *pflag.FlagSet
}

const preprocessExamples = `  # RoBERTa: one document per line, masked anew in each pass
  uer preprocess --corpus_path corpora/book_review.txt \
                 --vocab_path models/google_zh_vocab.txt \
                 --dataset_path dataset.pt --processes_num 8 \
                 --dynamic_masking --target mlm

  # BERT: one sentence per line, a blank line after each document
  uer preprocess --corpus_path corpora/book_review_bert.txt \
                 --vocab_path models/google_zh_vocab.txt \
                 --dataset_path dataset.pt --processes_num 8 \
                 --dynamic_masking --target bert

  # GPT and all others that predict the next token
  uer preprocess --corpus_path corpora/book_review.txt \
                 --vocab_path models/google_zh_vocab.txt \
                 --dataset_path dataset.pt --processes_num 8 --target lm

  # SpanBERT, masked here: 20 passes, each with spans of its own
  uer preprocess --corpus_path corpora/book_review.txt \
                 --vocab_path models/google_zh_vocab.txt \
                 --dataset_path dataset.pt --processes_num 8 --dup_factor 20 \
                 --span_masking --span_geo_prob 0.3 --span_max_length 5 \
                 --target mlm`

func newPreprocess(streams Streams) *cobra.Command {
	var options preprocessOptions
	command := newCommand("preprocess", "Turn a text into a dataset of training examples",
		"Turn a text into a dataset of training examples for uer pretrain.",
		func(command *cobra.Command) (err error) {
			if options.Settings.Target, err = options.Target.resolve(command.Flags()); err != nil {
				return err
			}
			return preprocess(command.Context(), options, streams)
		})
	command.Example = preprocessExamples
	options.addFlags(command.Flags())
	completeChoices(command)
	return command
}

func (o *preprocessOptions) addFlags(flags *pflag.FlagSet) {
	paths := config.NewGroup(flags, "Paths")
	paths.Text(&o.CorpusPath, "corpus_path", "", "text to read, in UTF-8")
	paths.Text(&o.VocabPath, "vocab_path", "", "vocabulary, one token per line")
	paths.Text(&o.TargetVocabPath, "tgt_vocab_path", "", "vocabulary of the outputs of seq2seq")
	paths.Text(&o.DatasetPath, "dataset_path", "dataset.pt", "dataset to write")
	paths.Require("corpus_path", "vocab_path")

	s := &o.Settings
	data := config.NewGroup(flags, "Data")
	o.Target.addFlags(data, "pre-training target to make the dataset for")
	data.Choice(&s.Tokenizer, "tokenizer", "bert", registry.Names(tokenizer.ByName), "how to split text into tokens")
	data.Choice(&s.TargetTokenizer, "tgt_tokenizer", "bert", registry.Names(tokenizer.ByName), "tokenizer for the outputs of seq2seq")
	data.Int(&s.SequenceLength, "seq_length", 128, 1, "maximum length of an instance, in tokens")
	data.Int(&s.TargetSequenceLength, "tgt_seq_length", 128, 1, "maximum length of an output of seq2seq, in tokens")
	data.Int(&s.DupFactor, "dup_factor", 5, 1, "number of passes over the corpus, each with different masks")
	data.Float(&s.ShortSequenceProbability, "short_seq_prob", 0.1, 0, 1, "fraction of short instances for bert and albert")
	data.Bool(&s.FullSentences, "full_sentences", "let instances of mlm and t5 continue into the next document")
	data.Int(&s.DocumentsBufferSize, "docs_buffer_size", 100000, 1, "number of documents in memory, for bert and --full_sentences")
	data.Seed(&s.Seed, "seed", 7, "seed of all random numbers")

	o.Split.addFlags(paths, data)

	hidden := config.NewGroup(flags, "Masking")
	hidden.Bool(&s.Dynamic, "dynamic_masking", "store a single unmasked pass, which pretrain masks anew in every pass")
	addMaskingFlags(hidden, &s.Masking, "mask spans instead of single tokens")

	run := config.NewGroup(flags, "Run")
	run.Int(&s.Workers, "processes_num", 1, 1, "number of workers; it does not affect the dataset")

	o.Shards.addFlags(config.NewGroup(flags, "Several machines"))
	o.flags = flags
}

// recorded returns the values of all flags that affect what is in the dataset. The content of files stands for their paths
// elsewhere.
func (o *preprocessOptions) recorded() map[string]string {
	values := map[string]string{}
	o.flags.VisitAll(func(flag *pflag.Flag) {
		switch config.GroupOf(flag) {
		case "", "Paths", "Run", "Several machines":
			return
		}
		if flag.Name != "target" && flag.Name != "data_processor" { // two names of Settings.Target
			values[flag.Name] = flag.Value.String()
		}
	})
	return values
}

// preprocessing is one run of the command, whose settings have been checked.
type preprocessing struct {
	options  preprocessOptions
	settings instance.Settings
	text     *corpus.Corpus
	streams  Streams
	started  time.Time
}

// preprocess reads the corpus, builds its instances and writes the dataset, or does one step of that.
func preprocess(ctx context.Context, options preprocessOptions, streams Streams) (err error) {
	divided, err := options.Shards.used()
	if err != nil {
		return err
	}
	settings, err := readVocabularies(options)
	if err != nil {
		return err
	}
	if err := options.Split.check(options.DatasetPath); err != nil {
		return err
	}
	locks, err := options.lock(streams.Err)
	if err != nil {
		return err
	}
	defer locks.release()
	text, err := corpus.Open(corpus.Options{Paths: []string{options.CorpusPath}})
	if err != nil {
		return console.Hint(err, "--corpus_path names the text; a relative path starts at the current directory")
	}
	defer func() { err = errors.Join(err, text.Close()) }()

	p := &preprocessing{options: options, settings: settings, text: text, streams: streams}
	fmt.Fprintf(streams.Err, "Corpus   %s: %s\n", options.CorpusPath, console.Bytes(int64(text.Size)))
	fmt.Fprintf(streams.Err, "Vocab    %s: %s tokens\n", options.VocabPath, console.Count(settings.Vocabulary.Size()))
	for _, part := range p.parts() {
		if err := part.run(ctx, divided); err != nil {
			return err
		}
	}
	return nil
}

// run makes one dataset, or does one step of that if the work is divided.
func (p *preprocessing) run(ctx context.Context, divided bool) error {
	p.started = time.Now()
	switch {
	case p.options.Shards.Plan:
		return p.plan(ctx)
	case p.options.Shards.Merge:
		return p.merge(ctx)
	case divided:
		return p.shards(ctx)
	}
	statistics, err := p.build(ctx, p.options.DatasetPath, p.settings)
	if err != nil {
		return err
	}
	return p.summarize(statistics)
}

// build writes the dataset of the whole corpus, or of a section of it, which may be one without instances: then there is
// no file.
func (p *preprocessing) build(ctx context.Context, path string, settings instance.Settings) (instance.Statistics, error) {
	writer, err := dataset.Create(path, describeDataset(settings))
	if err != nil {
		return instance.Statistics{}, err
	}
	defer writer.Abort()
	status, started := console.NewStatus(p.streams.Err), time.Now()
	statistics, err := instance.Build(ctx, settings, p.text, writer.NewRows, writer.Write,
		func(p instance.Progress) { status.Update(progressLine(p, time.Since(started))) })
	status.Done("")
	if err != nil || statistics.Instances == 0 {
		return statistics, err
	}
	return statistics, writer.Close(totals(statistics))
}

func totals(s instance.Statistics) dataset.Totals {
	return dataset.Totals{Documents: s.Documents, Tokens: s.Tokens, Unknown: s.Unknown}
}

// lock checks the datasets to write, and locks them unless other processes share the work.
func (o *preprocessOptions) lock(status io.Writer) (held locks, err error) {
	inputs := []input{{"--corpus_path", o.CorpusPath}, {"--vocab_path", o.VocabPath}, {"--tgt_vocab_path", o.TargetVocabPath}}
	shared, err := o.Shards.used()
	if err != nil {
		return nil, err
	}
	for _, output := range []input{{"--dataset_path", o.DatasetPath}, {"--dev_path", o.Split.DevPath}} {
		if output.path == "" && output.flag == "--dev_path" {
			continue
		}
		err := checkInputs(output.flag, output.path, inputs)
		if err == nil && shared && !o.Shards.Merge {
			err = checkOutput(output.flag, output.path)
		} else if err == nil {
			var lock *durable.Lock
			lock, err = lockOutput(output.flag, output.path, status)
			held = append(held, lock)
		}
		if err != nil {
			held.release()
			return nil, err
		}
	}
	return held, nil
}

// readVocabularies reads the vocabularies into the settings and checks all settings before any work is done.
func readVocabularies(options preprocessOptions) (instance.Settings, error) {
	settings := options.Settings
	err := checkTargetVocabulary(settings.Target, options.TargetVocabPath)
	if err != nil {
		return settings, err
	}
	if settings.Vocabulary, err = readVocabulary("--vocab_path", options.VocabPath); err != nil {
		return settings, err
	}
	if options.TargetVocabPath != "" {
		if settings.TargetVocabulary, err = readVocabulary("--tgt_vocab_path", options.TargetVocabPath); err != nil {
			return settings, err
		}
	}
	return settings, settings.Check()
}

func describeDataset(s instance.Settings) dataset.Metadata {
	m := dataset.Metadata{
		Target: s.Target, SequenceLength: s.SequenceLength, Tokenizer: s.Tokenizer, Seed: s.Seed, Dynamic: s.Dynamic,
		VocabularySHA256: s.Vocabulary.SHA256(), VocabularySize: s.Vocabulary.Size(),
	}
	if task.ByName[s.Target].Output {
		m.TargetSequenceLength, m.TargetTokenizer = s.TargetSequenceLength, s.TargetTokenizer
		m.TargetVocabularySHA256 = s.TargetVocabulary.SHA256()
		m.VocabularySize = max(m.VocabularySize, s.TargetVocabulary.Size())
	}
	return m
}

func progressLine(p instance.Progress, elapsed time.Duration) string {
	share := float64(p.Done) / float64(max(p.Total, 1))
	left := time.Duration(float64(elapsed) * (1 - share) / max(share, 1e-9))
	speed := int64(float64(p.Done) / max(elapsed.Seconds(), 1e-9))
	return fmt.Sprintf("Build    %2.0f%%  %s documents  %s instances  %s/s  %s left", 100*share,
		console.Count(p.Documents), console.Count(p.Instances), console.Bytes(speed), console.Duration(left))
}

// summarize prints what is in the finished dataset.
func (p *preprocessing) summarize(s instance.Statistics) error {
	w, path := p.streams.Err, p.options.DatasetPath
	file, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read the size of the dataset: %w", err)
	}
	fmt.Fprintf(w, "Dataset  %s: %s from %s, %s, %s\n", path, counted(s.Instances, "instance"),
		counted(s.Documents, "document"), console.Bytes(file.Size()), console.Duration(time.Since(p.started)))
	percent := func(part int64) float64 { return 100 * float64(part) / float64(max(s.Tokens, 1)) }
	fmt.Fprintf(w, "         %s; %.1f%% unknown", counted(s.Tokens, "token"), percent(s.Unknown))
	if s.Masked > 0 {
		fmt.Fprintf(w, "; %.1f%% masked", percent(s.Masked))
	}
	if s.Skipped > 0 {
		fmt.Fprintf(w, "\n         %s skipped, unusable for target %s", counted(s.Skipped, "line"), p.settings.Target)
	}
	const batchSize = 32
	_, err = fmt.Fprintf(w, "\n         %s per pass with batch_size %d\n",
		counted((s.Instances+batchSize-1)/batchSize, "step"), batchSize)
	return err
}

// counted formats a number of things: 1 step, 1,913 steps.
func counted(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return console.Count(n) + " " + thing
}
