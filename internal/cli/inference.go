package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/durable"
	"uer/internal/embedding"
	"uer/internal/huggingface"
	"uer/internal/inference"
	"uer/internal/launcher"
	"uer/internal/model"
	"uer/internal/target"
	"uer/internal/tokenizer"
)

// inferenceOptions are those of the commands that put a model to work. The settings of the model are those of pretrain.
type inferenceOptions struct {
	pretrainOptions
	LoadModelPath  string
	TestPath       []string // none for the standard input
	PredictionPath string   // "" for the standard output
	JSON           bool
	Pooling        string // of the vector of a text

	made        checkpoint.Tokenizer // of the training, if it is known
	trainedHere bool                 // by uer pretrain
}

const loadModelUsage = "model: a checkpoint, whose settings are used, or any other that uer pretrain reads"

// newInference returns a command that loads a model and runs on its options.
func newInference(name, short, long, examples string, o *inferenceOptions, streams Streams,
	addFlags func(flags *pflag.FlagSet), run func(command *cobra.Command) error) *cobra.Command {
	command := newCommand(name, short, long, nil)
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := o.load(command.Flags(), streams.Err); err != nil {
			return err
		}
		if err := o.check(command.Flags()); err != nil {
			return err
		}
		return run(command)
	}
	command.Example = examples
	o.addFlags(command.Flags())
	addFlags(command.Flags())
	completeChoices(command)
	return command
}

// addFlags adds those of pretrain, so that the configuration file of a training describes its model.
func (o *inferenceOptions) addFlags(flags *pflag.FlagSet) {
	paths := config.NewGroup(flags, "Paths")
	paths.Text(&o.LoadModelPath, "load_model_path", "", loadModelUsage)
	o.pretrainOptions.addFlags(flags)
	names := []string{
		"load_model_path", config.PathFlag, "vocab_path", "spm_model_path", "merges_path", "special_tokens_map", "tokenizer",
		"do_lower_case", "strip_accents", "device", "threads", "precision", "gpu_ranks",
	}
	ofTraining := []string{
		"dropout", "deep_init", "recompute", "keep_padding", "tgt_embedding", "decoder", "decoder_layers_num", "share_embedding",
		"pooling", "labels_num",
	}
	config.Ignore(flags, func(flag *pflag.Flag) bool {
		return slices.Contains(names, flag.Name) || config.GroupOf(flag) == "Model" && !slices.Contains(ofTraining, flag.Name)
	})
	paths.Require("load_model_path")
	paths.Optional("vocab_path") // the tokenizer asks for it, if neither a checkpoint nor a flag names it
	flags.Lookup("device").Usage = "device to compute on"
	flags.Lookup("gpu_ranks").Usage = "number of the GPU"
}

// addTextFlags adds the flags of commands that read lines of text.
func (o *inferenceOptions) addTextFlags(flags *pflag.FlagSet, result string) config.Group {
	text := config.NewGroup(flags, "Text")
	text.Texts(&o.TestPath, "test_path", "files of text, a line each; the standard input by default")
	text.Text(&o.PredictionPath, "prediction_path", "", "file to write "+result+" to; the standard output by default")
	return text
}

// load reads the settings: those of the training, if the model is a checkpoint with a state, or of a Hugging Face model's
// config.json, with what is set otherwise.
func (o *inferenceOptions) load(flags *pflag.FlagSet, status io.Writer) error {
	path := config.Given(flags, "load_model_path")
	if path == "" {
		return console.UsageError{Err: errors.New("required but not set: --load_model_path")}
	}
	if _, err := os.Stat(checkpoint.StatePath(path)); errors.Is(err, fs.ErrNotExist) {
		if err := checkExists(path); err != nil { // before its settings are asked for
			return err
		}
		return o.loadHuggingFace(flags, path, status)
	}
	file, err := checkpoint.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() // nothing was written
	if err := file.VerifyWeights(); err != nil {
		return err
	}
	before := file.Settings
	for _, name := range append([]string{"pretrained_model_path", "precision", "batch_size", "seed", "keep_padding"}, ofMachine...) {
		delete(before, name)
	}
	if err := takeSettings(flags, before, checkpoint.StatePath(path)); err != nil {
		return err
	}
	fmt.Fprintf(status, "Settings %s: step %s of the training\n", checkpoint.StatePath(path), console.Count(file.Step))
	o.made, o.trainedHere = file.Tokenizer, true
	o.useTokenizer()
	return nil
}

// checkExists fails if there is no file or folder with the name of a model.
func checkExists(path string) error {
	_, err := os.Stat(path)
	if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
		return &fs.PathError{Op: "open", Path: path, Err: cause.Err}
	}
	return err
}

// takeSettings sets what is not set otherwise to the settings of a file.
func takeSettings(flags *pflag.FlagSet, settings map[string]string, path string) error {
	_, err := config.Resume(flags, settings)
	if usage := (console.UsageError{}); err == nil || errors.As(err, &usage) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// ofMachine lists the settings of a training that say where it ran.
var ofMachine = []string{"device", "threads", "world_size", "gpu_ranks", "master_ip", "backend"}

// useTokenizer takes the tokenizer that the text of the training was split by, unless a flag names one.
func (o *inferenceOptions) useTokenizer() {
	s := &o.Source
	if s.Name != "" || s.LowerCase != "" || s.StripAccents != "" || !slices.Contains(tokenizer.Names, o.made.Name) {
		return
	}
	s.Name = o.made.Name
	words := strings.Fields(o.made.Settings)
	for i, word := range words[:max(0, len(words)-1)] {
		switch word {
		case "--do_lower_case":
			s.LowerCase = words[i+1]
		case "--strip_accents":
			s.StripAccents = words[i+1]
		}
	}
}

// loadHuggingFace reads the settings of a model without a state: those of its config.json, if there is one.
func (o *inferenceOptions) loadHuggingFace(flags *pflag.FlagSet, path string, status io.Writer) error {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() || config.Given(flags, config.PathFlag) != "" {
		return config.Load(flags)
	}
	described, err := huggingface.ConfigIn(path)
	if err != nil || described == nil {
		return cmp.Or(err, config.Load(flags))
	}
	m, err := described.Model()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	settings := modelSettings(m)
	if vocabulary := huggingface.VocabularyIn(path); vocabulary != "" && config.Given(flags, "spm_model_path") == "" {
		settings["vocab_path"] = vocabulary
	}
	if err := takeSettings(flags, settings, path); err != nil {
		return err
	}
	fmt.Fprintf(status, "Settings those of %s in %s\n", huggingface.Title(described.ModelType), path)
	return nil
}

// modelSettings returns the settings of a transformer by the names of the flags.
func modelSettings(m config.Model) map[string]string {
	return map[string]string{
		"emb_size": strconv.Itoa(m.EmbeddingSize), "hidden_size": strconv.Itoa(m.HiddenSize),
		"feedforward_size": strconv.Itoa(m.FeedForwardSize), "heads_num": strconv.Itoa(m.HeadsNumber),
		"layers_num": strconv.Itoa(m.LayersNumber), "max_seq_length": strconv.Itoa(m.MaxSequenceLength),
		"hidden_act": m.HiddenActivation, "embedding": m.Embedding, "encoder": m.Encoder, "mask": m.Mask, "target": m.Target,
		"layernorm_positioning": m.LayerNormPositioning, "feed_forward": m.FeedForward, "layernorm": m.LayerNorm,
		"layernorm_eps":              strconv.FormatFloat(m.LayerNormEpsilon, 'g', -1, 64),
		"remove_embedding_layernorm": strconv.FormatBool(m.RemoveEmbeddingLayerNorm),
		"tie_weights":                strconv.FormatBool(m.TieWeights), "has_lmtarget_bias": strconv.FormatBool(m.HasLMTargetBias),
		"parameter_sharing":                     strconv.FormatBool(m.ParameterSharing),
		"factorized_embedding_parameterization": strconv.FormatBool(m.FactorizedEmbeddingParameterization),
	}
}

// check rejects contradictory settings and fills in Model.Target.
func (o *inferenceOptions) check(flags *pflag.FlagSet) (err error) {
	if o.Model.Target, err = o.Target.resolve(flags); err != nil {
		return err
	}
	o.PretrainedModelPath = o.LoadModelPath
	o.Model.Recompute, o.Model.KeepPadding = false, false
	if o.Pooling = o.Model.Pooling; !target.ByName[o.Model.Target].Reads("pooling") {
		o.Model.Pooling = "first"
	}
	o.Devices.Launcher, o.Devices.WorldSize = launcher.None, 1
	if err := o.Devices.check(flags); err != nil {
		return err
	}
	if err := model.Check(o.Model); err != nil {
		return err
	}
	return cmp.Or(checkTexts(o.TestPath), o.checkPrediction())
}

// checkPrediction rejects a file of predictions that would replace an input, or what is no text.
func (o *inferenceOptions) checkPrediction() error {
	const flag = "--prediction_path"
	if o.PredictionPath == "" {
		return nil
	}
	inputs := []input{{"--load_model_path", o.LoadModelPath}, {"--" + config.PathFlag, o.ConfigPath}}
	for _, path := range o.TestPath {
		inputs = append(inputs, input{"--test_path", path})
	}
	for _, s := range []tokenizer.Source{o.Source, o.TargetSource} {
		for _, path := range s.Files() {
			inputs = append(inputs, input{"--" + s.Prefix + "vocab_path", path})
		}
	}
	return cmp.Or(checkInputs(flag, o.PredictionPath, inputs), checkOutput(flag, o.PredictionPath),
		adviseOutput(flag, durable.Check(o.PredictionPath, predictionReplaceable)))
}

// worker is a model's tokenizer and the device that it shall run on, which the caller closes.
type worker struct {
	options   *inferenceOptions
	tokenizer *tokenizer.Model
	device    device.Device
	length    int // the most tokens of a text
	status    io.Writer
}

// longest is the number of tokens that a text may have if the model has no table of positions.
const longest = 2048

// open reads the tokenizer and opens the device.
func (o *inferenceOptions) open(status io.Writer) (*worker, error) {
	words, err := o.readTokenizer(status)
	if err != nil {
		return nil, err
	}
	w := &worker{options: o, tokenizer: words, length: longest, status: status}
	if embedding.ByName[o.Model.Embedding].Positions {
		w.length = o.Model.MaxSequenceLength
	}
	w.device, err = openDevice(o.Devices, nil, 0, nil)
	return w, err
}

// readTokenizer reads the tokenizer, which must be that of the training.
func (o *inferenceOptions) readTokenizer(status io.Writer) (*tokenizer.Model, error) {
	words, err := readTokenizer(o.Source, status)
	if err != nil {
		return nil, err
	}
	file, err := checkpoint.Open(o.LoadModelPath)
	if err != nil {
		return words, nil // there is nothing to compare with
	}
	defer file.Close()
	err = checkSameVocabulary(file.Path, "--vocab_path", o.Source.Path(), words.Vocabulary, file.VocabularySHA256)
	if made := o.made; err == nil && made.Name != "" && (words.Name != made.Name || words.Settings != made.Settings) {
		err = console.Hint(fmt.Errorf("%s was trained on text that --tokenizer %s has split (%s), not %s (%s)",
			file.Path, made.Name, orNone(made.Settings), words.Name, orNone(words.Settings)),
			"pass the files and settings of the tokenizer that uer preprocess was given")
	}
	return words, err
}

// parameters reads the parameters of a program.
func (w *worker) parameters(output *model.Output) ([]float32, error) {
	data := trainingData{vocabulary: w.tokenizer.Vocabulary}
	return loadWhole(w.options.pretrainOptions, data, &model.Model{Program: output.Program}, w.status)
}

// limits bound the batches: many short texts or a few long ones. A larger batch is hardly faster.
func (w *worker) limits() model.Limits {
	const tokens, predictions = 4096, 512
	return model.Limits{
		Sequences: 256, Length: w.length, Tokens: max(tokens, w.length), Predictions: max(predictions, w.length),
		Activations: w.device.Activations(),
	}
}

// runner loads a program.
func (w *worker) runner(output *model.Output, limits model.Limits) (*inference.Runner, error) {
	parameters, err := w.parameters(output)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(w.status, "Run      %s\n", w.device.Name())
	return inference.NewRunner(w.device, output, limits, parameters)
}
