package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/durable"
	"uer/internal/exchange"
	"uer/internal/graph"
	"uer/internal/model"
	"uer/internal/statedict"
	"uer/internal/tokenizer"
)

// The values of --to.
const (
	toTorch       = "torch"
	toSafetensors = "safetensors"
	toHuggingFace = "huggingface"
	toDataset     = "dataset"
	toUERDataset  = "uer_dataset"
)

type convertOptions struct {
	inputs []string
	output string

	To              string
	Average         bool
	CheckpointNames string
	DatasetForm     string
	Source          tokenizer.Source
	ToVocabPath     string
	TargetVocabPath string
	ConfigPath      string
	Seed            int64

	training pretrainOptions // the settings of the model
}

const convertExamples = `  # for Hugging Face: a folder, with the settings of the checkpoint
  uer convert models/output_model.bin-100000 output_model --to huggingface \
              --vocab_path models/google_zh_vocab.txt

  # the mean of the last checkpoints
  uer convert m.bin-80000 m.bin-90000 m.bin-100000 mean.bin \
              --to torch --average

  # another vocabulary: rows are matched by token
  uer convert m.bin-100000 domain.bin --to torch --vocab_path vocab.txt \
              --to_vocab_path domain_vocab.txt

  # a dataset for UER-py of today, and for TencentPretrain
  uer convert dataset.pt uer_dataset.pt --to uer_dataset`

func newConvert(streams Streams) *cobra.Command {
	var options convertOptions
	command := newCommand("convert", "Convert a model or a dataset for another program, or from one",
		"Convert the model IN, of uer, UER-py, TencentPretrain or Hugging Face, or a dataset, and write it to OUT, which must\n"+
			"not exist. The settings of a model come from its state file or its config.json, or from the flags.",
		func(command *cobra.Command) error { return options.run(command.Flags(), streams) })
	command.Use = "convert IN ... OUT --to FORMAT"
	command.ValidArgsFunction = nil // files
	command.Args = func(_ *cobra.Command, arguments []string) error {
		if len(arguments) < 2 {
			return console.UsageError{Err: errors.New("convert needs two paths: what to convert, and where to write it")}
		}
		options.inputs, options.output = arguments[:len(arguments)-1], arguments[len(arguments)-1]
		return nil
	}
	command.Example = convertExamples
	options.addFlags(command.Flags())
	completeChoices(command)
	return command
}

func (o *convertOptions) addFlags(flags *pflag.FlagSet) {
	group := config.NewGroup(flags, "Conversion")
	group.Choice(&o.To, "to", "", []string{toTorch, toSafetensors, toHuggingFace, toDataset, toUERDataset}, "format to write")
	group.Bool(&o.Average, "average", "write the mean of several models")
	group.Choice(&o.CheckpointNames, "checkpoint_names", "", exchange.NameChoices,
		"year of UER-py whose names tensors get; torch has all by default, safetensors those of 2021")
	group.Choice(&o.DatasetForm, "dataset_form", dataset.Form2022, dataset.Forms, "year since when UER-py reads the form of uer_dataset")
	addVocabularyFlags(group, &o.Source, "", " of the input")
	addTokenizerFlags(group, &o.Source, "", ", for huggingface")
	group.Text(&o.TargetVocabPath, "tgt_vocab_path", "", "vocabulary of the outputs of seq2seq")
	group.Text(&o.ToVocabPath, "to_vocab_path", "", "vocabulary that the output shall have: rows of tables are matched by token")
	group.Text(&o.ConfigPath, config.PathFlag, "", "JSON, YAML or TOML file of the model's settings")
	group.Seed(&o.Seed, "seed", 7, "seed of rows that nothing else determines")
	group.Require("to")
	addModelFlags(flags, &o.training)
}

func (o *convertOptions) run(flags *pflag.FlagSet, streams Streams) error {
	if _, err := os.Lstat(o.output); !errors.Is(err, fs.ErrNotExist) {
		return console.Hint(fmt.Errorf("%s exists already", o.output), "name another path, or remove it first")
	}
	if len(o.inputs) > 1 && !o.Average {
		return console.UsageError{Err: console.Hint(fmt.Errorf("%d models to convert", len(o.inputs)), "pass --average to write their mean")}
	}
	defer console.NewStatus(streams.Err).ShowTime("Convert", strings.Join(o.inputs, " "))()
	switch o.To {
	case toDataset, toUERDataset:
		if o.Average {
			return console.UsageError{Err: errors.New("--average is for models")}
		}
		return o.convertDataset(flags, streams.Err)
	}
	return o.convertModel(flags, streams.Err)
}

// convertModel reads all inputs and writes one model.
func (o *convertOptions) convertModel(flags *pflag.FlagSet, status io.Writer) error {
	var models []*exchange.Model
	var first *exchange.Source
	for _, path := range o.inputs {
		source, err := exchange.Open(path)
		if err != nil {
			return err
		}
		if first == nil {
			first = source
		}
		m, err := source.Model()
		if err != nil {
			return err
		}
		fmt.Fprintf(status, "Read     %s: %s\n", path, describeSource(source, m))
		models = append(models, m)
	}
	m := models[0]
	if o.Average {
		if err := m.Average(models[1:], o.inputs); err != nil {
			return err
		}
	}
	vocabularyPath, err := o.changeVocabulary(first, m, status)
	if err != nil {
		return err
	}
	if o.To == toHuggingFace {
		return o.writeHuggingFace(flags, first, m, vocabularyPath, status)
	}
	return o.writeModel(m, status)
}

// describeSource says what a file holds.
func describeSource(s *exchange.Source, m *exchange.Model) string {
	values := 0
	for _, v := range m.Values {
		values += len(v)
	}
	kind := s.Title()
	if kind != "" {
		kind += ", "
	}
	return fmt.Sprintf("%s%s: %s, %s parameters", kind, s.Format, counted(int64(len(m.Values)), "tensor"), console.Count(values))
}

// changeVocabulary gives the tables the rows of another vocabulary, and returns the path of the one that they have.
func (o *convertOptions) changeVocabulary(source *exchange.Source, m *exchange.Model, status io.Writer) (string, error) {
	path := o.Source.Vocabulary
	if path == "" {
		path = source.Vocabulary
	}
	if o.ToVocabPath == "" {
		return path, nil
	}
	if path == "" {
		return "", console.UsageError{Err: console.Hint(errors.New("--to_vocab_path needs the vocabulary of the input, to match tokens"),
			"pass --vocab_path")}
	}
	before, err := readVocabularyFile("--vocab_path", path)
	if err != nil {
		return "", err
	}
	after, err := readVocabularyFile("--to_vocab_path", o.ToVocabPath)
	if err != nil {
		return "", err
	}
	counts, err := m.Resize(exchange.Options{Resize: true, Vocabulary: before, Model: after},
		func(layout *graph.Layout, values []float32) {
			model.Initialize(config.Model{}, &graph.Program{Layout: *layout}, values, o.Seed)
		})
	if err != nil {
		return "", fmt.Errorf("%s: %w", source.Path, err)
	}
	printResized(counts, status)
	return o.ToVocabPath, nil
}

// writeModel writes a state dict.
func (o *convertOptions) writeModel(m *exchange.Model, status io.Writer) error {
	naming := exchange.Naming{Versions: o.CheckpointNames}
	if o.To == toSafetensors && naming.Versions == "" {
		naming.Versions = exchange.Names2021 // each name costs a copy there
	}
	tensors := m.Tensors(naming)
	err := durable.WriteFile(o.output, nil, func(w io.Writer) error {
		if o.To == toTorch {
			return statedict.Write(w, tensors)
		}
		var entries []statedict.Entry
		for _, t := range tensors {
			entries = append(entries, statedict.Floats(t.Name, t.Shape, statedict.From(t.Data)))
		}
		return statedict.WriteSafetensors(w, map[string]string{"format": "pt"}, entries)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(status, "Written  %s: %s\n", o.output, counted(int64(len(tensors)), "name"))
	return nil
}

// settings returns those of a model: of the command line, or else of its state file or config.json, or else of the
// configuration file.
func (o *convertOptions) settings(flags *pflag.FlagSet, source *exchange.Source) (config.Model, *checkpoint.File, error) {
	var state *checkpoint.File
	if _, err := os.Stat(checkpoint.StatePath(source.Path)); err == nil {
		if state, err = checkpoint.Open(source.Path); err != nil {
			return config.Model{}, nil, err
		}
		defer state.Close()
		for name, value := range state.Settings {
			flag := flags.Lookup(name)
			if flag == nil || config.GroupOf(flag) != "Model" || config.SourceOf(flag) >= config.Environment || flag.Value.String() == value {
				continue
			}
			if err := flag.Value.Set(value); err != nil {
				return config.Model{}, state, fmt.Errorf("%s: %s: %w", checkpoint.StatePath(source.Path), name, err)
			}
		}
	}
	m := o.training.Model
	var err error
	if m.Target, err = o.training.Target.resolve(flags); err != nil {
		return m, state, err
	}
	if source.Config != nil && m.HiddenSize == 0 {
		target := m.Target
		if m, err = source.Config.Model(); err != nil {
			return m, state, fmt.Errorf("%s: %w", source.Path, err)
		}
		if flags.Changed("target") {
			m.Target = target
		}
	}
	if m.HiddenSize == 0 {
		return m, state, console.UsageError{Err: console.Hint(
			fmt.Errorf("the settings of %s are not known: it has no %s", source.Path, strings.TrimPrefix(checkpoint.StatePath(source.Path), source.Path)),
			"pass what it was trained with: --config_path, --target, --embedding and so on")}
	}
	return m, state, model.Check(m)
}
