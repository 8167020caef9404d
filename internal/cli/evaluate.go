package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/checkpoint"
	"uer/internal/collective"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/graph"
	"uer/internal/model"
	"uer/internal/statedict"
	"uer/internal/trainer"
)

type evaluateOptions struct {
	pretrainOptions
	JSON   bool
	Logits string // path; "" for none
}

const evaluateExamples = `  # the best model of a training, on the held-out data of the training
  uer evaluate --pretrained_model_path models/output_model.bin-best

  # the same for programs, with the logits of the first 4 instances
  uer evaluate --pretrained_model_path models/output_model.bin-best --json \
               --batch_size 4 --logits logits.safetensors

  # a state dict of UER-py
  uer evaluate --pretrained_model_path models/google_zh_model.bin \
               --config_path models/bert/base_config.json --target mlm \
               --vocab_path models/google_zh_vocab.txt --dataset_path dev.pt`

func newEvaluate(streams Streams) *cobra.Command {
	var options evaluateOptions
	command := newCommand("evaluate", "Compute the loss and the accuracy of a model on a dataset",
		"Compute the loss, the perplexity and the accuracy of a model on a dataset, without dropout. All instances count, each\n"+
			"once. Where masks are drawn, they are the same in every evaluation of the dataset. The settings of a checkpoint with a\n"+
			"state are those of its training; those of another state dict are set as for uer pretrain.",
		nil)
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := options.load(command.Flags(), streams.Err); err != nil {
			return err
		}
		if err := options.check(command.Flags()); err != nil {
			return err
		}
		return evaluate(command.Context(), options, streams)
	}
	command.Example = evaluateExamples
	options.addFlags(command.Flags())
	completeChoices(command)
	return command
}

// addFlags adds those of pretrain, so that the configuration file of a training describes its evaluation, too.
func (o *evaluateOptions) addFlags(flags *pflag.FlagSet) {
	o.pretrainOptions.addFlags(flags)
	names := []string{
		"dataset_path", "pretrained_model_path", config.PathFlag, "batch_size",
		"vocab_path", "spm_model_path", "merges_path", "special_tokens_map", "tokenizer", "do_lower_case", "strip_accents",
		"mask_rate", "span_masking", "span_geo_prob", "span_max_length", "whole_word_masking", "words_path",
	}
	ofTraining := []string{"dropout", "deep_init", "recompute"}
	config.Ignore(flags, func(flag *pflag.Flag) bool {
		group := config.GroupOf(flag)
		return slices.Contains(names, strings.TrimPrefix(flag.Name, "tgt_")) ||
			(group == "Model" || group == "Devices") && !slices.Contains(ofTraining, flag.Name)
	})
	config.NewGroup(flags, "Paths").Require("pretrained_model_path")
	flags.Lookup("dataset_path").DefValue = "" // see chooseDataset
	for name, usage := range map[string]string{
		"dataset_path": "dataset to evaluate on; dev_path of the configuration file by default", "pretrained_model_path": "model to evaluate, a PyTorch state dict",
		"device": "device to evaluate on",
	} {
		flags.Lookup(name).Usage = usage
	}
	output := config.NewGroup(flags, "Output")
	output.Bool(&o.JSON, "json", "print the figures in JSON")
	output.Text(&o.Logits, "logits", "",
		"safetensors file to write, with the inputs and the logits of the first batch_size instances")
}

// load reads the settings: those of the training, if the model is a checkpoint with a state, with what is set otherwise.
func (o *evaluateOptions) load(flags *pflag.FlagSet, status io.Writer) error {
	path := config.Given(flags, "pretrained_model_path")
	if path == "" {
		return config.Load(flags)
	}
	if _, err := os.Stat(checkpoint.StatePath(path)); errors.Is(err, fs.ErrNotExist) {
		if err := checkExists(path); err != nil {
			return err
		}
		return config.Load(flags)
	}
	if err := checkpoint.Verify(path); err != nil {
		return err
	}
	file, err := checkpoint.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() // nothing was written
	before := file.Settings
	for _, name := range append([]string{"pretrained_model_path"}, ofMachine...) { // the one that the training began with
		delete(before, name)
	}
	if err := takeSettings(flags, before, checkpoint.StatePath(path)); err != nil {
		return err
	}
	fmt.Fprintf(status, "Settings %s: step %s of the training\n", checkpoint.StatePath(path), console.Count(file.Step))
	return nil
}

// check rejects contradictory settings and fills in Model.Target.
func (o *evaluateOptions) check(flags *pflag.FlagSet) (err error) {
	if o.Model.Target, err = o.Target.resolve(flags); err != nil {
		return err
	}
	o.Model.Recompute = false // it concerns gradients
	if err := o.chooseDataset(flags); err != nil {
		return err
	}
	if err := checkTargetVocabulary(o.Model.Target, o.TargetSource); err != nil {
		return err
	}
	if err := o.Devices.check(flags); err != nil {
		return err
	}
	if p := &o.Devices.placement; !p.alone() {
		return console.UsageError{Err: console.Hint(errors.New("an evaluation runs in one process"),
			fmt.Sprintf("pass --gpu_ranks 0..%d, or leave out --world_size and pass --launcher none", p.world-1))}
	}
	if err := model.Check(o.Model); err != nil {
		return err
	}
	if o.Logits == "" {
		return nil
	}
	return cmp.Or(checkInputs("--logits", o.Logits, o.inputs()), checkOutput("--logits", o.Logits),
		adviseOutput("--logits", durable.Check(o.Logits, logitsReplaceable)))
}

// chooseDataset takes the held-out dataset of a configuration file rather than the one that it trains on.
func (o *evaluateOptions) chooseDataset(flags *pflag.FlagSet) error {
	asked := config.SourceOf(flags.Lookup("dataset_path")) > config.File
	switch {
	case asked && len(o.DatasetPaths) > 1:
		return console.UsageError{Err: console.Hint(errors.New("--dataset_path names several datasets"), "evaluate on one at a time")}
	case asked:
	case o.HeldOut.DevPath != "":
		o.DatasetPaths = []string{o.HeldOut.DevPath}
	default:
		return console.UsageError{Err: console.Hint(errors.New("required but not set: --dataset_path"),
			"name a dataset of text that the model was not trained on, which uer preprocess --dev_path makes")}
	}
	o.HeldOut.DevPath = ""
	return nil
}

// evaluate evaluates the model and prints its figures.
func evaluate(ctx context.Context, options evaluateOptions, streams Streams) (err error) {
	data, err := openData(options.pretrainOptions, nil, streams.Err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	end := console.NewStatus(streams.Err).ShowTime("Load", options.PretrainedModelPath)
	evaluators, ranks, err := newEvaluators(options, data, streams.Err)
	end()
	defer func() {
		for _, r := range ranks {
			err = cmp.Or(err, r.device.Close())
		}
	}()
	if err != nil {
		return err
	}
	end = console.NewStatus(streams.Err).Show(func() string { return "Eval     " + evaluators[0].Describe() })
	figures, err := trainer.Evaluate(ctx, evaluators)
	end()
	if err != nil {
		return err
	}
	if math.IsNaN(figures.Loss) || math.IsInf(figures.Loss, 0) {
		return fmt.Errorf("%s: the loss on %s is not finite", options.PretrainedModelPath, options.DatasetPaths[0])
	}
	if options.Logits != "" {
		if err := writeLogits(options.Logits, options.Model.Target, evaluators[0]); err != nil {
			return err
		}
	}
	if options.JSON {
		return json.NewEncoder(streams.Out).Encode(figuresOf(options, figures))
	}
	_, err = io.WriteString(streams.Out, figures.Lines("", predictionsNote(figures)))
	return err
}

// newEvaluators returns the connected evaluators of all ranks of this process, and the ranks' devices, which the caller
// closes even after an error.
func newEvaluators(options evaluateOptions, data trainingData, status io.Writer) ([]*trainer.Evaluator, []rank, error) {
	var ranks []rank // their devices
	for i := range options.Devices.WorldSize {
		d, err := openDevice(options.Devices, nil, i, nil)
		if err != nil {
			return nil, ranks, err
		}
		ranks = append(ranks, rank{device: d})
	}
	pass, err := data.newPass(data.dataset, options.pretrainOptions)
	if err != nil {
		return nil, ranks, err
	}
	m, err := data.newForward(data.dataset, pass, options.pretrainOptions, ranks[0].device.Activations(), options.Logits != "")
	if err != nil {
		return nil, ranks, err
	}
	parameters, err := loadWhole(options.pretrainOptions, data, m, status)
	if err != nil {
		return nil, ranks, err
	}
	var evaluators []*trainer.Evaluator
	for i, connection := range collective.NewLocal(options.Devices.WorldSize) {
		e := &trainer.Evaluator{Model: m, Batches: pass}
		if connection.Size() > 1 {
			e.Collective = connection
		}
		if i > 0 {
			if e.Batches, err = data.newPass(data.dataset, options.pretrainOptions); err != nil {
				return nil, ranks, err
			}
		}
		if err := e.Load(ranks[i].device, parameters); err != nil {
			return nil, ranks, err
		}
		evaluators = append(evaluators, e)
	}
	fmt.Fprintf(status, "Data     %s: %s of up to %d tokens\n", options.DatasetPaths[0],
		counted(int64(data.dataset.Len()), "instance"), data.dataset.Metadata.SequenceLength)
	fmt.Fprintf(status, "Run      %s, batch %d\n", describeDevices(ranks), options.BatchSize)
	return evaluators, ranks, nil
}

// loadWhole reads the parameters of a model, all of which must be in its file: others would be random. The file may hold the
// head of another target, too.
func loadWhole(options pretrainOptions, data trainingData, m *model.Model, status io.Writer) ([]float32, error) {
	parameters := make([]float32, m.Program.ParameterSize)
	model.Initialize(options.Model, m.Program, parameters, options.Seed) // for tables of sinusoids
	source, match, err := openPretrained(options, data, m, parameters)
	if err != nil {
		return nil, err
	}
	const hint = "pass the settings that the model was trained with"
	count := len(m.Program.Parameters)
	missing := slices.DeleteFunc(slices.Clone(match.Missing), func(name string) bool {
		return !m.Program.Reads(name) || slices.ContainsFunc(m.Program.Parameters, func(p graph.Parameter) bool {
			return p.Frozen && p.Name == name
		})
	})
	if len(missing) > 0 {
		return nil, console.Hint(fmt.Errorf("%s: %d of %d parameters of the model are missing: %s", options.PretrainedModelPath,
			len(missing), count, some(missing)), hint)
	}
	count, match.Missing = count-len(match.Missing), nil // what nothing depends on, or what is computed
	if foreign := ofAnotherModel(match.Unused, m.Program); len(foreign) > 0 && !options.partial {
		return nil, console.Hint(fmt.Errorf("%s: it is of another model, which has %s, too", options.PretrainedModelPath,
			some(foreign)), hint)
	}
	printMatch(source, match, count, status)
	printNorm(source, options.Model, status)
	return parameters, nil
}

// ofAnotherModel returns those of the tensors that a model does not use which are not the heads of another target: what the
// model computes without them is not what was trained.
func ofAnotherModel(unused []string, program *graph.Program) []string {
	return slices.DeleteFunc(slices.Clone(unused), func(name string) bool {
		module := name[:strings.LastIndex(name, ".")+1]
		return strings.HasPrefix(name, "target.") && !slices.ContainsFunc(program.Parameters, func(p graph.Parameter) bool {
			return strings.HasPrefix(p.Name, module)
		})
	})
}

// predictionsNote says what the accuracy of a single head is a share of.
func predictionsNote(figures trainer.Evaluation) string {
	if len(figures.Heads) > 1 {
		return ""
	}
	return fmt.Sprintf(" of %s", counted(int64(figures.Heads[0].Predictions), "prediction"))
}

// figuresJSON is the output of --json.
type figuresJSON struct {
	Model     string     `json:"pretrained_model_path"`
	Dataset   string     `json:"dataset_path"`
	Target    string     `json:"target"`
	Instances int        `json:"instances"`
	Loss      float64    `json:"loss"` // the sum over the heads
	Heads     []headJSON `json:"heads"`
}

type headJSON struct {
	Name        string   `json:"name"`
	Loss        float64  `json:"loss"`
	Perplexity  *float64 `json:"perplexity,omitempty"` // of heads that predict tokens, unless it is too large for a number
	Accuracy    float64  `json:"accuracy"`
	Correct     int64    `json:"correct"`
	Predictions int64    `json:"predictions"`
}

func figuresOf(options evaluateOptions, figures trainer.Evaluation) figuresJSON {
	f := figuresJSON{
		Model: options.PretrainedModelPath, Dataset: options.DatasetPaths[0], Target: options.Model.Target,
		Instances: figures.Instances, Loss: figures.Loss,
	}
	for _, h := range figures.Heads {
		head := headJSON{
			Name: h.Name, Loss: h.Loss, Accuracy: h.Accuracy(), Correct: int64(h.Correct), Predictions: int64(h.Predictions),
		}
		if perplexity := h.Perplexity(); h.Tokens && !math.IsInf(perplexity, 0) {
			head.Perplexity = &perplexity
		}
		f.Heads = append(f.Heads, head)
	}
	return f
}

// writeLogits writes the inputs and the logits of the first batch.
func writeLogits(path, target string, e *trainer.Evaluator) error {
	logits, err := e.Logits()
	if err != nil {
		return err
	}
	var entries []statedict.Entry
	for _, input := range logits.Inputs {
		entries = append(entries, statedict.Integers(input.Name, input.Data))
	}
	for _, head := range logits.Heads {
		shape := []int{len(head.Values) / head.Classes, head.Classes}
		entries = append(entries, statedict.Floats("logits."+head.Name, shape, func(offset int, to []float32) error {
			copy(to, head.Values[offset:])
			return nil
		}))
	}
	metadata := map[string]string{"target": target, "sequences": strconv.Itoa(len(logits.Inputs.Find("starts")) - 1)}
	return durable.WriteFile(path, logitsReplaceable, func(w io.Writer) error { return statedict.WriteSafetensors(w, metadata, entries) })
}

// logitsReplaceable is the rule of what new logits may replace: a file of logits.
var logitsReplaceable = durable.Beginning(1<<16, func(start []byte) bool { return bytes.Contains(start, []byte(`"logits.`)) },
	"not a file of logits")
