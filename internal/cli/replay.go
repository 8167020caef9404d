package cli

import (
	"errors"
	"fmt"
	"io"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/task"
	"uer/internal/trainer"
)

// checkDebugging rejects contradictory settings about saved batches.
func (o *pretrainOptions) checkDebugging() error {
	if o.ReplayBatch != "" && o.Devices.WorldSize > 1 {
		return console.UsageError{Err: console.Hint(errors.New("--replay_batch runs one batch in one process"),
			"leave out --world_size and --gpu_ranks")}
	}
	if o.ReplayBatch != "" || o.DebugBatch == "" || o.DryRun {
		return nil
	}
	if err := checkInputs("--debug_batch", o.DebugBatch, o.inputs()); err != nil {
		return err
	}
	if err := checkOutput("--debug_batch", o.DebugBatch); err != nil {
		return err
	}
	return adviseOutput("--debug_batch", durable.Check(o.DebugBatch, trainer.BatchReplaceable))
}

// replay trains once on a batch that was saved and says whether all values are finite.
func replay(options pretrainOptions, data trainingData, t *trainer.Trainer, out io.Writer) error {
	limits := trainer.BatchLimits{
		Vocabulary: data.vocabulary.Size(), OutputVocabulary: data.vocabulary.Size(), Length: data.dataset.Metadata.SequenceLength,
		OutputLength: data.dataset.Metadata.TargetSequenceLength, Classes: max(options.Model.LabelsNumber, task.ByName[options.Model.Target].Classes),
	}
	if data.targetVocabulary != nil {
		limits.OutputVocabulary = data.targetVocabulary.Size()
	}
	about, found, err := t.Replay(options.ReplayBatch, limits)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Replay   %s: %s\n", options.ReplayBatch, about)
	if found != "" {
		return errors.New(found)
	}
	fmt.Fprintln(out, "         all values and gradients are finite here")
	return nil
}
