package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/vocab"
)

// mayChange lists the settings with which a training may be resumed other than before. All others determine what the model
// is, what it learns from and what was random.
var mayChange = []string{
	"dataset_path", "vocab_path", "tgt_vocab_path", "spm_model_path", "tgt_spm_model_path", "merges_path", "tgt_merges_path",
	"output_model_path",
	"total_steps", "batch_size", "accumulation_steps", "save_checkpoint_steps", "keep_checkpoints", "report_steps", "log_dir", "debug_batch",
	"dev_path", "eval_steps", "patience",
	"checkpoint_names", "scheduler", "learning_rate", "warmup", "decay_steps", "beta1", "beta2", "weight_decay", "clip_grad_norm", "skip_outliers", "z_loss",
	"device", "precision", "threads", "world_size", "gpu_ranks", "master_ip", "backend", "zero", "recompute",
}

// notSettings lists the flags that say what to do this time.
var notSettings = []string{config.ResumeFlag, config.PathFlag, "dry_run", "replay_batch", "profile", "overwrite", "launcher", "dist_timeout"}

// load reads the settings: those of the checkpoint to resume, if there is one, with what differs this time. It returns the
// open checkpoint, nil if there is none.
func (o *pretrainOptions) load(flags *pflag.FlagSet, status io.Writer) (*checkpoint.File, error) {
	name := config.Given(flags, config.ResumeFlag)
	if name == "" {
		return nil, config.Load(flags)
	}
	found, err := checkpoint.Find(name)
	for _, broken := range found.Broken {
		fmt.Fprintf(status, "Broken   %v\n", broken)
	}
	if err != nil {
		return nil, err
	}
	file, err := checkpoint.Open(found.Path)
	if err != nil {
		return nil, err
	}
	if err := o.restore(flags, found, file, status); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// restore sets the settings of a checkpoint and refuses what cannot change.
func (o *pretrainOptions) restore(flags *pflag.FlagSet, found checkpoint.Found, file *checkpoint.File, status io.Writer) error {
	before := file.Settings
	// Checkpoints go on where they are, even if they have moved.
	before["output_model_path"] = found.Prefix
	changes, err := config.Resume(flags, before)
	if err != nil {
		return fmt.Errorf("%s: %w", file.Path, err)
	}
	var refused, taken []string
	for _, c := range changes {
		switch {
		case c.Name == "data_processor": // another name for the target, which check compares
		case slices.Contains(mayChange, c.Name):
			taken = append(taken, fmt.Sprintf("--%s %s (was %s)", c.Name, c.Now, orNone(c.Before)))
		default:
			refused = append(refused, fmt.Sprintf("--%s %s: the training has %s", c.Name, c.Now, orNone(c.Before)))
		}
	}
	if len(refused) > 0 {
		return refusal(file.Path, strings.Join(refused, "; "))
	}
	fmt.Fprintf(status, "Resume   %s: step %s of %s\n", file.Path, console.Count(file.Step), console.Count(o.TotalSteps))
	if len(taken) > 0 {
		fmt.Fprintf(status, "Changed  %s\n", strings.Join(taken, ", "))
	}
	return nil
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

// refusal is the error of a resumed training with something that cannot change.
func refusal(path, what string) error {
	return console.UsageError{Err: console.Hint(fmt.Errorf("%s cannot be resumed with %s", path, what),
		fmt.Sprintf("leave that out, or begin a new training with --pretrained_model_path %s", path))}
}

// origin returns what the state of a checkpoint says of this run.
func origin(options pretrainOptions, data trainingData) checkpoint.State {
	made := data.dataset.Metadata.Tokenizer
	state := checkpoint.State{
		Settings:         options.settings,
		Dataset:          datasetOf(data.dataset),
		VocabularySHA256: data.vocabulary.SHA256(),
		Tokenizer:        checkpoint.Tokenizer{Name: made.Name, Settings: made.Settings},
		Version:          version(),
		Run:              rand.Text(),
	}
	if data.resumed != nil {
		state.Run = data.resumed.Run
	}
	if data.targetVocabulary != nil {
		state.TargetVocabularySHA256 = data.targetVocabulary.SHA256()
	}
	return state
}

func datasetOf(d *dataset.Dataset) checkpoint.Dataset {
	return checkpoint.Dataset{Path: d.Path, SHA256: d.Identity(), Instances: d.Len()}
}

// checkResumed rejects another dataset or vocabulary than those of the checkpoint.
func checkResumed(f *checkpoint.File, data trainingData, options pretrainOptions) error {
	if now := datasetOf(data.dataset); now.SHA256 != f.Dataset.SHA256 {
		return console.Hint(fmt.Errorf("%s (%s) is not the dataset that %s has been trained on (%s, %s)",
			now.Path, counted(int64(now.Instances), "instance"), f.Path, f.Dataset.Path, counted(int64(f.Dataset.Instances), "instance")),
			fmt.Sprintf("if that one has moved, name it with --dataset_path; --pretrained_model_path %s begins a new training", f.Path))
	}
	if err := checkSameVocabulary(f.Path, "--vocab_path", options.Source.Path(), data.vocabulary, f.VocabularySHA256); err != nil {
		return err
	}
	return checkSameVocabulary(f.Path, "--tgt_vocab_path", options.TargetSource.Path(), data.targetVocabulary, f.TargetVocabularySHA256)
}

func checkSameVocabulary(checkpoint, flag, path string, now *vocab.Vocabulary, before string) error {
	if now == nil || now.SHA256() == before {
		return nil
	}
	return console.Hint(fmt.Errorf("%s (%s tokens) is not the vocabulary that %s has been trained with", path,
		console.Count(now.Size()), checkpoint), "if that one has moved, name it with "+flag)
}

// announceRanks says what another number of ranks or another batch size than before means for the data.
func announceRanks(options pretrainOptions, data trainingData, status io.Writer) {
	if data.resumed == nil {
		return
	}
	before := data.resumed.Settings
	ranks, size := fmt.Sprint(options.Devices.WorldSize), fmt.Sprint(options.BatchSize)
	if before["world_size"] == ranks && before["batch_size"] == size {
		return
	}
	at := console.Count(data.resumed.Position.Instances)
	if data.bufferSize(options) > 0 && before["world_size"] != ranks {
		fmt.Fprintf(status, "         UER-py's order depends on the ranks: buffers are filled anew from instance %s\n", at)
		return
	}
	fmt.Fprintf(status, "         the data goes on in the same order from instance %s, %s x %s instances a step (were %s x %s)\n", at,
		ranks, size, before["world_size"], before["batch_size"])
}

// moved adds to the error of an input that is missing where it was that it may have moved.
func moved(err error, flag string, resumed *checkpoint.File) error {
	if resumed != nil && errors.Is(err, fs.ErrNotExist) {
		return console.Hint(err, "if it has moved, name it with "+flag)
	}
	return err
}

// resumeCommand returns the command that continues from a checkpoint.
func resumeCommand(path string) string {
	program := "uer"
	if name := os.Args[0]; filepath.Base(name) == program {
		program = name
	}
	return quote(program) + " pretrain --resume " + quote(path)
}

// quote quotes a word for the shell, if it has to be.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("%+,-./:=@_", r) || r > 0x7f
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
