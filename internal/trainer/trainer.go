// Package trainer runs the training loop: step, report, save.
package trainer

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/collective"
	"uer/internal/console"
	device "uer/internal/device/cpu"
	"uer/internal/model"
	"uer/internal/optimizer"
)

// Settings of the loop. Steps are micro-steps, one batch each, as in UER-py.
type Settings struct {
	TotalSteps          int
	AccumulationSteps   int // batches whose gradients make one update
	ReportSteps         int
	SaveCheckpointSteps int
	BatchSize           int
	Seed                int64
	OutputModelPath     string // prefix of the checkpoints' names; without it nothing is saved
}

// Trainer trains one model on one device. Several of them, the ranks, train replicas of one model on parts of the data:
// each update uses the mean of their gradients. The first rank reports and saves.
type Trainer struct {
	Settings
	Model      *model.Model
	Executor   *device.Executor
	Batches    *batch.Loader
	Optimizer  *optimizer.Optimizer
	Collective collective.Collective // the connection to the other ranks; nil if there are none
	Lines      io.Writer             // receives the report lines
	Status     io.Writer             // receives the rest

	feeder  feeder
	reducer *reducer // nil if there are no other ranks
	saved   string   // the last checkpoint
}

// Updates is the number of updates that steps of training make: the schedule of the learning rate counts them.
func Updates(totalSteps, accumulationSteps int) int {
	return (totalSteps + accumulationSteps - 1) / accumulationSteps
}

// Run trains from step 1 to TotalSteps, or until ctx is cancelled: then it saves and returns the cause. It saves every
// SaveCheckpointSteps and at the end. A loss that is not finite ends it with an error before the update. If one of
// several ranks fails, all return its error.
func (t *Trainer) Run(ctx context.Context) error {
	if t.Collective == nil {
		return t.train(ctx)
	}
	return t.runRank(ctx)
}

func (t *Trainer) train(ctx context.Context) error {
	report := newReport(t)
	isFirst := t.reducer.rank() == 0
	t.feeder.executor = t.Executor
	pending := 0 // batches in the gradients
	for step := 1; step <= t.TotalSteps; step++ {
		b, err := t.Batches.Next()
		if err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		pending++
		update := pending == t.AccumulationSteps || step == t.TotalSteps
		if err := t.forwardBackward(b, step, pending > 1, update); err != nil {
			return err
		}
		report.add(b)
		stopped, err := t.reducer.agree(ctx.Err() != nil)
		if err != nil {
			return err
		}
		if update {
			scale := 1 / float32(pending*t.reducer.size())
			report.rate, _, err = t.Optimizer.Step(t.Executor.Parameters(), t.Executor.Gradients(), scale)
			if err != nil {
				return t.stop(step, err)
			}
			pending = 0
		}
		if isFirst {
			report.step(step)
		}
		if step%t.SaveCheckpointSteps == 0 || step == t.TotalSteps || stopped {
			if err := t.save(step); err != nil {
				return err
			}
		}
		if stopped {
			return context.Cause(ctx)
		}
	}
	return nil
}

// forwardBackward runs one batch. The gradients add to those of the batch before if accumulate is set, and begin to be
// summed over the ranks if an update follows.
func (t *Trainer) forwardBackward(b *batch.Batch, step int, accumulate, update bool) error {
	if err := t.feeder.feed(b); err != nil {
		return fmt.Errorf("step %d: %w", step, err)
	}
	run := device.Run{Seed: uint64(t.Seed), Step: uint64(step), Accumulate: accumulate}
	if update {
		run.After = t.reducer.start()
	}
	if err := t.Executor.Run(&run); err != nil {
		return fmt.Errorf("step %d: %w", step, err)
	}
	if loss := float64(t.Executor.Output(0)); math.IsNaN(loss) || math.IsInf(loss, 0) {
		return t.stop(step, fmt.Errorf("the loss is not finite"))
	}
	return nil
}

// stop explains why training ended and what remains of it.
func (t *Trainer) stop(step int, err error) error {
	kept := "no checkpoint was saved yet"
	if t.saved != "" {
		kept = "the last good checkpoint is " + t.saved
	}
	return console.Hint(fmt.Errorf("step %d: %w", step, err),
		kept+"; try a lower --learning_rate, a longer --warmup or --clip_grad_norm 1")
}

// save writes a checkpoint, which is the work of the first rank.
func (t *Trainer) save(step int) error {
	if t.OutputModelPath == "" {
		return nil
	}
	if t.reducer.rank() > 0 {
		t.saved = checkpoint.Path(t.OutputModelPath, step)
		return nil
	}
	if !t.Executor.Finite() {
		return t.stop(step, fmt.Errorf("parameters are not finite"))
	}
	started := time.Now()
	path, err := checkpoint.Save(t.OutputModelPath, step, t.Model.Program, t.Executor.Parameters())
	if err != nil {
		return fmt.Errorf("step %d: saving the checkpoint: %w", step, err)
	}
	t.saved = path
	_, err = fmt.Fprintf(t.Status, "Saved    %s (%.1f s)\n", path, time.Since(started).Seconds())
	return err
}
