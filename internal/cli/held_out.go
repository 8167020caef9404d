package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/pflag"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/collective"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/graph"
	"uer/internal/masking"
	"uer/internal/model"
	"uer/internal/trainer"
)

// heldOutOptions are the settings of the evaluations that a training is interrupted for.
type heldOutOptions struct {
	DevPath   string // "" for none
	EvalSteps int
	Patience  int
}

func (o *heldOutOptions) addFlags(flags *pflag.FlagSet) {
	group := config.NewGroup(flags, "Held-out data")
	group.Text(&o.DevPath, "dev_path", "",
		"dataset to evaluate the model on while it trains; the best one is saved as ...-best")
	group.Int(&o.EvalSteps, "eval_steps", 1000, 1, "batches between evaluations")
	group.Int(&o.Patience, "patience", 0, 1,
		"end training after so many evaluations without a lower loss; by default it goes on")
}

// check rejects settings of evaluations that are not made.
func (o *heldOutOptions) check(flags *pflag.FlagSet) error {
	if o.DevPath != "" {
		return nil
	}
	for _, name := range []string{"eval_steps", "patience"} {
		if config.SourceOf(flags.Lookup(name)) > config.Earlier {
			return console.UsageError{Err: console.Hint(fmt.Errorf("--%s has no effect without --dev_path", name),
				"pass a dataset of held-out text, which uer preprocess --dev_path makes")}
		}
	}
	return nil
}

// openHeldOut opens the held-out dataset. Like the one that is trained on, it must fit the settings, but it must be another.
func (d *trainingData) openHeldOut(options pretrainOptions) (err error) {
	if options.HeldOut.DevPath == "" {
		return nil
	}
	if slices.ContainsFunc(options.datasetFiles(), func(path string) bool { return sameFile(options.HeldOut.DevPath, path) }) {
		return console.UsageError{Err: console.Hint(
			fmt.Errorf("--dev_path %s is the dataset that is trained on", options.HeldOut.DevPath),
			"a model remembers what it was trained on: evaluate it on other text, which uer preprocess --dev_path makes")}
	}
	set, err := dataset.Open(options.HeldOut.DevPath)
	if err != nil {
		return err
	}
	heldOut := *d
	heldOut.dataset, d.heldOut = set, set // closed with the others
	heldOut.resumed = nil                 // which knows the other dataset
	if !set.Metadata.Dynamic {
		options.Masking.Options = masking.Options{Rate: masking.DefaultRate} // it has masks
	}
	return heldOut.check(options)
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// close closes the datasets.
func (d trainingData) close() (err error) {
	for _, set := range []*dataset.Dataset{d.dataset, d.heldOut} {
		if set != nil {
			err = errors.Join(err, set.Close())
		}
	}
	return err
}

// newPass returns the batches of an evaluation on a dataset.
func (d trainingData) newPass(set *dataset.Dataset, options pretrainOptions) (*batch.Pass, error) {
	masker, err := masking.New(d.vocabulary, d.masking)
	if err != nil {
		return nil, err
	}
	return batch.NewPass(set, batch.Options{
		Target: options.Model.Target, Vocabulary: d.vocabulary, TargetVocabulary: d.targetVocabulary, Masker: masker,
		BatchSize: options.BatchSize, KeepPadding: options.Model.KeepPadding,
	})
}

// newForward builds the model for evaluation on a dataset, for devices that store activations in that type.
func (d trainingData) newForward(
	set *dataset.Dataset, pass *batch.Pass, options pretrainOptions, activations graph.Type, logits bool,
) (*model.Model, error) {
	limits := model.Limits{
		Sequences: options.BatchSize, Length: set.Metadata.SequenceLength, Output: pass.OutputLength, Activations: activations,
	}
	if d.targetVocabulary != nil {
		limits.OutputVocabulary = d.targetVocabulary.Size()
	}
	return model.NewForward(options.Model, d.vocabulary.Size(), limits, logits)
}

// newHeldOut returns the evaluation of one rank, without its model; nil if there are no held-out data.
func (d trainingData) newHeldOut(options pretrainOptions, connection collective.Collective) (*trainer.HeldOut, error) {
	if d.heldOut == nil {
		return nil, nil
	}
	pass, err := d.newPass(d.heldOut, options)
	if err != nil {
		return nil, err
	}
	if connection == nil || connection.Rank() == 0 {
		if err := pass.Verify(); err != nil {
			return nil, err
		}
	}
	return &trainer.HeldOut{
		Evaluator: &trainer.Evaluator{Batches: pass, Collective: connection},
		Steps:     options.HeldOut.EvalSteps, Patience: options.HeldOut.Patience,
		Found: checkpoint.HeldOut{Dataset: datasetOf(d.heldOut)},
	}, nil
}

// setForward builds the model for evaluation on the held-out data, if there are any.
func setForward(options pretrainOptions, data trainingData, ranks []rank) error {
	if data.heldOut == nil {
		return nil
	}
	forward, err := data.newForward(data.heldOut, ranks[0].heldOut.Batches, options, ranks[0].device.Activations(), false)
	if err != nil {
		return err
	}
	for _, r := range ranks {
		r.heldOut.Model = forward
	}
	return nil
}

// announceHeldOut prints how training is evaluated.
func announceHeldOut(options pretrainOptions, data trainingData, status io.Writer) {
	if data.heldOut == nil {
		return
	}
	o, resumed := options.HeldOut, data.resumed
	fmt.Fprintf(status, "Held out %s: %s, evaluated every %s\n", o.DevPath,
		counted(int64(data.heldOut.Len()), "instance"), counted(int64(o.EvalSteps), "step"))
	fmt.Fprintf(status, "         The best model is saved as %s\n", checkpoint.Best(options.OutputModelPath))
	if resumed != nil && resumed.HeldOut != nil && resumed.HeldOut.Dataset.SHA256 != datasetOf(data.heldOut).SHA256 {
		fmt.Fprintf(status, "         It is another dataset than before: the best loss so far (%.4f) does not count\n",
			resumed.HeldOut.BestLoss)
	}
}
