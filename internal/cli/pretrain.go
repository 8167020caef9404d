package cli

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/exchange"
	"uer/internal/model"
	"uer/internal/optimizer"
	"uer/internal/registry"
	"uer/internal/tokenizer"
)

type pretrainOptions struct {
	DatasetPaths        []string
	Source              tokenizer.Source
	TargetSource        tokenizer.Source // of the outputs of seq2seq
	PretrainedModelPath string
	PretrainedVocabPath string
	Resize              bool
	OutputModelPath     string
	CheckpointNames     string
	Resume              string
	ConfigPath          string

	BatchSize           int
	InstancesBufferSize int
	Seed                int64

	Target  targetOptions
	Model   config.Model
	Masking maskingOptions

	TotalSteps          int
	SaveCheckpointSteps int
	KeepCheckpoints     int
	Overwrite           bool
	AccumulationSteps   int
	ReportSteps         int
	LogDir              string
	DebugBatch          string
	ReplayBatch         string
	Profile             string

	Optimizer    string
	Scheduler    string
	LearningRate float64
	Warmup       float64
	DecaySteps   int
	Beta1        float64
	Beta2        float64
	WeightDecay  float64
	ClipGradNorm float64
	SkipOutliers float64

	HeldOut heldOutOptions
	Devices deviceOptions
	DryRun  bool

	settings map[string]string // all that make the run, by the names of the flags
	partial  bool              // the file of the model may hold more layers
}

// Default decay rates of AdamW's moments.
const beta1, beta2 = 0.9, 0.999

const pretrainExamples = `  # RoBERTa base, from random parameters
  uer pretrain --dataset_path dataset.pt \
               --vocab_path models/google_zh_vocab.txt \
               --output_model_path models/output_model.bin \
               --learning_rate 1e-4 --embedding word_pos_seg \
               --encoder transformer --mask fully_visible --target mlm

  # the same from a BERT; what it lacks is initialised
  uer pretrain --dataset_path dataset.pt \
               --vocab_path models/google_zh_vocab.txt \
               --pretrained_model_path models/google_zh_model.bin \
               --output_model_path models/output_model.bin \
               --learning_rate 2e-5 --embedding word_pos_seg \
               --encoder transformer --mask fully_visible --target mlm

  # GPT-2, on a dataset with --target lm
  uer pretrain --dataset_path dataset.pt \
               --vocab_path models/google_zh_vocab.txt \
               --output_model_path models/output_model.bin \
               --learning_rate 1e-4 --embedding word_pos \
               --remove_embedding_layernorm --encoder transformer \
               --mask causal --layernorm_positioning pre --tie_weights \
               --target lm

  # go on with a training that was stopped, from its newest checkpoint
  uer pretrain --resume models/output_model.bin

  # a training that a file describes: what it would take, then the training
  uer pretrain --config_path configs/demo.yaml --dry_run
  uer pretrain --config_path configs/demo.yaml --threads 8`

func newPretrain(streams Streams) *cobra.Command {
	var options pretrainOptions
	command := newCommand("pretrain", "Train a model on a dataset",
		"Train a model on a dataset made by uer preprocess or by UER-py's preprocess.py.", nil)
	command.RunE = func(command *cobra.Command, _ []string) (err error) {
		resumed, err := options.load(command.Flags(), streams.Err)
		if err != nil {
			return err
		}
		if resumed != nil {
			defer func() { err = errors.Join(err, resumed.Close()) }()
		}
		if err := options.check(command.Flags(), resumed); err != nil {
			return err
		}
		if resumed != nil && resumed.Step == options.TotalSteps {
			fmt.Fprintln(streams.Err, "Done     nothing is left to train; a larger --total_steps trains on")
			return nil
		}
		quiet := context.AfterFunc(command.Context(), func() {
			fmt.Fprintln(streams.Err, "\nStopping after this step; press Ctrl-C again to stop at once")
		})
		defer quiet()
		return train(command.Context(), options, resumed, streams)
	}
	command.Example = pretrainExamples
	options.addFlags(command.Flags())
	completeChoices(command)
	return command
}

func (o *pretrainOptions) addFlags(flags *pflag.FlagSet) {
	paths := config.NewGroup(flags, "Paths")
	o.DatasetPaths = []string{"dataset.pt"}
	paths.Texts(&o.DatasetPaths, "dataset_path",
		"dataset to train on, or several, each with its share of the tokens: a.pt:0.7 b.pt:0.3")
	addVocabularyFlags(paths, &o.Source, "", "")
	addVocabularyFlags(paths, &o.TargetSource, "tgt_", " of the outputs of seq2seq")
	paths.Text(&o.OutputModelPath, "output_model_path", "", "path prefix of checkpoints; a dash and the step are appended")
	paths.Text(&o.PretrainedModelPath, "pretrained_model_path", "",
		"model to start from: PyTorch or safetensors, or a folder of Hugging Face")
	paths.Text(&o.PretrainedVocabPath, "pretrained_vocab_path", "", "vocabulary of that model, for --resize")
	paths.Bool(&o.Resize, "resize", "let that model have another vocabulary or another number of positions")
	paths.Choice(&o.CheckpointNames, "checkpoint_names", exchange.AllNames, exchange.NameChoices,
		"year of UER-py whose names tensors are saved under")
	paths.Text(&o.Resume, config.ResumeFlag, "",
		"checkpoint to continue from, with its settings: a path, or the prefix of paths for the newest one")
	paths.Text(&o.ConfigPath, config.PathFlag, "models/bert/base_config.json",
		`JSON, YAML or TOML file of settings, "" for none`)
	paths.Require("output_model_path")
	paths.RequireEither("vocab_path", "spm_model_path")

	data := config.NewGroup(flags, "Data")
	data.Int(&o.BatchSize, "batch_size", 32, 1, "instances per batch and process")
	data.Int(&o.InstancesBufferSize, "instances_buffer_size", 0, 0,
		"number of instances to shuffle together, as UER-py does; the whole dataset by default, 25600 of a dataset by UER-py")
	addTokenizerFlags(data, &o.Source, "", "")
	addTokenizerFlags(data, &o.TargetSource, "", " of the outputs of seq2seq")
	data.Seed(&o.Seed, "seed", 7, "seed of all random numbers")
	o.Masking.addFlags(paths, data, ", if the dataset is unmasked")

	addModelFlags(flags, o)

	training := config.NewGroup(flags, "Training")
	training.Int(&o.TotalSteps, "total_steps", 100000, 1, "number of batches to train on")
	training.Int(&o.AccumulationSteps, "accumulation_steps", 1, 1, "batches per update")
	training.Int(&o.SaveCheckpointSteps, "save_checkpoint_steps", 10000, 1, "batches between checkpoints")
	training.Int(&o.KeepCheckpoints, "keep_checkpoints", 0, 0, "number of checkpoints of this training to keep, the latest; all by default")
	training.Bool(&o.Overwrite, "overwrite", "replace checkpoints of an earlier training instead of moving them to NAME-STEP.bak")
	training.Bool(&o.DryRun, "dry_run", "train two steps, print the parameters, memory and time of the whole run, and stop")

	update := config.NewGroup(flags, "Optimizer")
	update.Choice(&o.Optimizer, "optimizer", "adamw", registry.Names(optimizer.ByName), "optimizer")
	update.Choice(&o.Scheduler, "scheduler", "linear", registry.Names(optimizer.ScheduleByName), "learning rate schedule")
	update.Float(&o.LearningRate, "learning_rate", 2e-5, 0, math.MaxFloat32, "peak learning rate")
	update.Float(&o.Warmup, "warmup", 0.1, 0, 1, "fraction of total_steps in which the learning rate grows")
	update.Int(&o.DecaySteps, "decay_steps", 0, 1, "number of the last batches in which the rate of wsd falls; a tenth of total_steps by default")
	update.Float(&o.Beta1, "beta1", beta1, 0, 1, "decay rate of the first moment of adamw, stableadamw and, where it uses adamw, muon")
	update.Float(&o.Beta2, "beta2", beta2, 0, 1, "decay rate of the second moment of adamw, stableadamw and, where it uses adamw, muon")
	update.Float(&o.WeightDecay, "weight_decay", 0.01, 0, 1, "weight decay, except for biases and layer norms")
	update.Float(&o.ClipGradNorm, "clip_grad_norm", 0, 0, math.MaxFloat32,
		"maximum norm of the gradients; unlimited by default")
	update.Float(&o.Model.ZLoss, "z_loss", 0, 0, 1,
		"weight of the squared logarithm of the softmax's denominator in the loss of tokens, such as 1e-4; none by default")
	update.Float(&o.SkipOutliers, "skip_outliers", 0, 0, math.MaxFloat32,
		"skip updates whose gradients have a norm of a z-score above this, among the last 128; none by default")

	o.HeldOut.addFlags(flags)
	o.Devices.addFlags(flags)

	log := config.NewGroup(flags, "Log")
	log.Int(&o.ReportSteps, "report_steps", 100, 1, "batches between reports")
	log.Text(&o.LogDir, "log_dir", "",
		"folder for the figures of all reports and what happens: log.jsonl, and event files of TensorBoard")
	log.Text(&o.DebugBatch, "debug_batch", "",
		"file for the batch of the first value that is not finite, with the parameters; names the tensor and the operation")
	log.Text(&o.ReplayBatch, "replay_batch", "", "train once on a batch that --debug_batch saved, say where its first value is that is not finite, and stop")
	log.Text(&o.Profile, "profile", "", "write a Go CPU profile to this file, and print the time of each kind of operation")
}

// check rejects contradictory or useless settings, fills in Model.Target and collects the settings.
func (o *pretrainOptions) check(flags *pflag.FlagSet, resumed *checkpoint.File) (err error) {
	if o.Model.Target, err = o.Target.resolve(flags); err != nil {
		return err
	}
	o.settings = config.Settings(flags, notSettings...)
	o.settings["target"], o.settings["data_processor"] = o.Model.Target, ""
	if resumed != nil {
		if target := resumed.Settings["target"]; o.Model.Target != target {
			return refusal(resumed.Path, fmt.Sprintf("target %s: the training has %s", o.Model.Target, target))
		}
		if o.TotalSteps < resumed.Step {
			return refusal(resumed.Path, fmt.Sprintf("--total_steps %d: it has trained %d", o.TotalSteps, resumed.Step))
		}
	}
	if o.AccumulationSteps > o.TotalSteps {
		return console.UsageError{Err: fmt.Errorf(
			"--accumulation_steps %d is more than --total_steps %d: no update would be complete",
			o.AccumulationSteps, o.TotalSteps)}
	}
	if o.Model.Dropout == 1 {
		return console.UsageError{Err: errors.New("--dropout 1 leaves nothing to learn from")}
	}
	switch {
	case o.DecaySteps > 0 && o.Scheduler != "wsd":
		return console.UsageError{Err: fmt.Errorf("--decay_steps has no effect with --scheduler %s", o.Scheduler)}
	case o.DecaySteps > o.TotalSteps:
		return console.UsageError{Err: fmt.Errorf("--decay_steps %d is more than --total_steps %d", o.DecaySteps, o.TotalSteps)}
	}
	if min(o.Beta1, o.Beta2) == 0 || max(o.Beta1, o.Beta2) == 1 {
		return console.UsageError{Err: errors.New("--beta1 and --beta2 must be above 0 and below 1")}
	}
	if o.Optimizer == "adafactor" && (o.Beta1 != beta1 || o.Beta2 != beta2) {
		return console.UsageError{Err: fmt.Errorf("--beta1 and --beta2 have no effect with --optimizer %s", o.Optimizer)}
	}
	if err := checkTargetVocabulary(o.Model.Target, o.TargetSource); err != nil {
		return err
	}
	if err := o.checkPretrained(); err != nil {
		return err
	}
	if err := o.HeldOut.check(flags); err != nil {
		return err
	}
	if err := o.Devices.check(flags); err != nil {
		return err
	}
	if err := o.checkDebugging(); err != nil {
		return err
	}
	if o.DryRun {
		o.Devices.plan()
	}
	return model.Check(o.Model)
}
