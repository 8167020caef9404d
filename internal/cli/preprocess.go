package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	"uer/internal/task"
	"uer/internal/tokenizer"
)

type preprocessOptions struct {
	Corpus       corpus.Options
	BadLines     string
	Source       tokenizer.Source
	TargetSource tokenizer.Source // of the outputs of seq2seq
	DatasetPath  string
	Target       targetOptions
	Settings     instance.Settings
	Masking      maskingOptions
	AllowUnknown bool
	Split        splitOptions
	Shards       shardOptions

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
                 --target mlm

  # compressed JSON lines in a folder; a text in another encoding
  uer preprocess --corpus_path 'wiki/*.jsonl.gz' --text_field text \
                 --vocab_path models/google_zh_vocab.txt --target lm
  uer preprocess --corpus_path novels.txt --encoding gb18030 \
                 --vocab_path models/google_zh_vocab.txt --target lm`

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
	paths.Texts(&o.Corpus.Paths, "corpus_path",
		"text to read: files, folders, patterns in quotes such as 'wiki/*.gz', or - for standard input")
	addVocabularyFlags(paths, &o.Source, "", "")
	addVocabularyFlags(paths, &o.TargetSource, "tgt_", " of the outputs of seq2seq")
	paths.Text(&o.DatasetPath, "dataset_path", "dataset.pt", "dataset to write")
	paths.Require("corpus_path")
	paths.RequireEither("vocab_path", "spm_model_path")

	text := config.NewGroup(flags, "Text")
	addCorpusFlags(text, &o.Corpus, &o.BadLines)
	text.Bool(&o.AllowUnknown, "allow_unknown", "make a dataset even if the vocabulary lacks more than half of the text")

	s := &o.Settings
	data := config.NewGroup(flags, "Data")
	o.Target.addFlags(data, "pre-training target to make the dataset for")
	addTokenizerFlags(data, &o.Source, "bert", "")
	addTokenizerFlags(data, &o.TargetSource, "bert", " of the outputs of seq2seq")
	data.Int(&s.SequenceLength, "seq_length", 128, 1, "maximum length of an instance, in tokens")
	data.Int(&s.TargetSequenceLength, "tgt_seq_length", 128, 1, "maximum length of an output of seq2seq, in tokens")
	data.Int(&s.DupFactor, "dup_factor", 5, 1, "number of passes over the corpus, each with different masks")
	data.Choice(&s.LongSentences, "long_sentences", "cut", []string{"cut", "split"},
		"what bert and albert do with a sentence that is longer than an instance")
	data.Float(&s.ShortSequenceProbability, "short_seq_prob", 0.1, 0, 1, "fraction of short instances for bert and albert")
	data.Bool(&s.FullSentences, "full_sentences", "let instances of mlm and t5 continue into the next document")
	data.Int(&s.DocumentsBufferSize, "docs_buffer_size", 100000, 1, "number of documents in memory, at most 32 MiB of text")
	data.Seed(&s.Seed, "seed", 7, "seed of all random numbers")

	o.Split.addFlags(paths, data)

	hidden := config.NewGroup(flags, "Masking")
	hidden.Bool(&s.Dynamic, "dynamic_masking", "store a single unmasked pass, which pretrain masks anew in every pass")
	o.Masking.addFlags(paths, hidden, "")

	run := config.NewGroup(flags, "Run")
	run.IntTo(&s.Workers, "processes_num", 1, 1, maxWorkers, "number of workers; it does not affect the dataset")

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
	settings, err := readVocabularies(options, streams.Err)
	if err != nil {
		return err
	}
	if err := options.Split.check(options.DatasetPath); err != nil {
		return err
	}
	text, err := openCorpus(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	locks, err := options.lock(text, streams.Err)
	if err != nil {
		return err
	}
	defer locks.release()

	p := &preprocessing{options: options, settings: settings, text: text, streams: streams}
	fmt.Fprintf(streams.Err, "Corpus   %s: %s\n", text.Name(), console.Bytes(int64(text.Size)))
	fmt.Fprintf(streams.Err, "Vocab    %s: %s tokens\n", options.Source.Path(), console.Count(settings.Vocabulary.Size()))
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
	statistics, err := p.build(ctx, p.options.DatasetPath, p.settings, p.judge)
	if err != nil {
		return err
	}
	return p.summarize(statistics)
}

// build writes the dataset of the whole corpus, or of a section of it, which may be one without instances: then there is
// no file. It asks for what the dataset says of the text, which is nowhere to be found if that fails.
func (p *preprocessing) build(ctx context.Context, path string, settings instance.Settings,
	totals func(*instance.Statistics) (dataset.Totals, error)) (instance.Statistics, error) {
	writer, err := dataset.Create(path, p.describeDataset())
	if err != nil {
		return instance.Statistics{}, err
	}
	defer writer.Abort()
	progress := buildProgress{began: time.Now()}
	end := console.NewStatus(p.streams.Err).Show(progress.describe)
	statistics, err := instance.Build(ctx, settings, p.text, writer.NewRows, writer.Write, progress.set)
	end()
	if err != nil || statistics.Instances == 0 {
		return statistics, err
	}
	said, err := totals(&statistics)
	if err != nil {
		return statistics, err
	}
	return statistics, writer.Close(said)
}

// judge prints what became of the whole text and returns what the dataset is to say of it, or why there is to be none.
func (p *preprocessing) judge(statistics *instance.Statistics) (dataset.Totals, error) {
	report := newTextReport(p.options, p.settings, statistics)
	report.print(p.streams.Err)
	return report.totals(), report.refused
}

// count returns what the dataset of a part of the text says of it.
func (p *preprocessing) count(statistics *instance.Statistics) (dataset.Totals, error) {
	return newTextReport(p.options, p.settings, statistics).totals(), nil
}

// openCorpus opens the files of the corpus. It does not wait for a pipe once ctx has ended.
func openCorpus(ctx context.Context, options preprocessOptions) (*corpus.Corpus, error) {
	where := options.Corpus
	where.SkipBad = options.BadLines == "skip"
	type result struct {
		text *corpus.Corpus
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		text, err := corpus.Open(where)
		opened <- result{text, err}
	}()
	var r result
	select {
	case r = <-opened:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	text, err := r.text, r.err
	if errors.Is(err, fs.ErrNotExist) {
		err = console.Hint(err, "--corpus_path names the text; a relative path starts at the current directory")
	}
	if err != nil {
		return nil, err
	}
	if form := task.ByName[options.Settings.Target].Corpus; form == task.PairLines || form == task.LabelLines {
		for _, file := range text.Files {
			if file.JSON() {
				err := fmt.Errorf("%s: target %s needs %s, not JSON lines", file.Path, options.Settings.Target, form)
				return nil, errors.Join(console.UsageError{Err: err}, text.Close())
			}
		}
	}
	return text, nil
}

// lock checks the datasets to write, and locks them unless other processes share the work.
func (o *preprocessOptions) lock(text *corpus.Corpus, status io.Writer) (held locks, err error) {
	var inputs []input
	for _, file := range text.Files {
		inputs = append(inputs, input{"--corpus_path", file.Path})
	}
	for _, path := range append(o.Source.Files(), o.TargetSource.Files()...) {
		inputs = append(inputs, input{"--vocab_path", path})
	}
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
func readVocabularies(options preprocessOptions, w io.Writer) (instance.Settings, error) {
	settings := options.Settings
	err := checkTargetVocabulary(settings.Target, options.TargetSource)
	if err != nil {
		return settings, err
	}
	if settings.Tokenizer, err = readTokenizer(options.Source, w); err != nil {
		return settings, err
	}
	settings.Vocabulary = settings.Tokenizer.Vocabulary
	if options.TargetSource.Path() != "" {
		if settings.TargetTokenizer, err = readTokenizer(options.TargetSource, w); err != nil {
			return settings, err
		}
		settings.TargetVocabulary = settings.TargetTokenizer.Vocabulary
	}
	if settings.Masking, err = options.Masking.read(settings.Vocabulary); err != nil {
		return settings, err
	}
	if err := settings.Check(); err != nil {
		return settings, err
	}
	return settings, checkAnySentinel(settings)
}

// addCorpusFlags adds what a text is stored as.
func addCorpusFlags(group config.Group, o *corpus.Options, badLines *string) {
	group.Text(&o.Encoding, "encoding", "utf-8", "encoding of the text, such as gb18030, big5, shift_jis, euc-kr or latin1")
	group.Text(&o.TextField, "text_field", "",
		`field of JSON lines that holds the text; "text" in files named .jsonl or .ndjson`)
	group.Choice(badLines, "bad_lines", "fail", []string{"fail", "skip"}, "what to do with a line that is not in the encoding, or not JSON")
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
	fmt.Fprintf(w, "         %s", counted(s.Tokens, "token"))
	if s.Masked > 0 {
		fmt.Fprintf(w, "; %s masked", percent(float64(s.Masked)/float64(s.Tokens)))
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
