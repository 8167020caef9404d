// Package trainer runs the training loop: train a step, report it, save checkpoints.
//
// A [Trainer] trains one replica of a model on a [device.Device]; [RunRanks] runs those of all ranks of the process. The
// loop starts runs without waiting for them and takes their outputs when they are available, so that a device never waits
// for a report. [Measure] times a few steps instead of training.
package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/collective"
	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/model"
	"uer/internal/optimizer"
)

// Settings are the settings of the loop. A step is one batch, as in UER-py; several of them may make one update.
type Settings struct {
	TotalSteps          int
	AccumulationSteps   int // batches for each update
	ReportSteps         int
	SaveCheckpointSteps int
	KeepCheckpoints     int  // of this training, the latest; 0 for all
	Overwrite           bool // replace checkpoints of an earlier training instead of moving them aside
	BatchSize           int
	Seed                int64
	OutputModelPath     string // prefix of the names of checkpoints; if it is empty, nothing is saved
}

// Trainer trains one replica of a model on one device. With several ranks, each has a trainer and trains on its part of the
// data, and updates use the mean of their gradients. The first rank reports and saves.
type Trainer struct {
	Settings
	Model      *model.Model
	Memory     device.Memory
	Pass       device.Executable // the forward and backward pass
	Update     device.Executable // the optimizer's program
	Batches    *batch.Loader
	Optimizer  *optimizer.Optimizer
	Collective collective.Collective // the connection to the other ranks; nil if there are none
	Lines      io.Writer             // for the report lines
	Status     io.Writer             // for all other messages
	Profile    *device.Profile       // unless nil, records the time of operations

	inputs  device.Inputs
	figures figures
	buckets *buckets // nil if there are no other ranks
	saved   string   // path of the last checkpoint
}

// Load loads the model and the update on a device. The replica starts from the given parameters.
func (t *Trainer) Load(d device.Device, parameters []float32) (err error) {
	if t.Memory, err = d.Allocate(t.Optimizer.Program.Layout); err != nil {
		return err
	}
	if err = t.Memory.Write(graph.InParameters, 0, parameters); err != nil {
		return err
	}
	if t.Pass, err = d.Load(t.Model.Program, t.Memory); err != nil {
		return err
	}
	t.Update, err = d.Load(t.Optimizer.Program, t.Memory)
	return err
}

// Updates returns the number of updates in a number of steps. Schedules of the learning rate count updates.
func Updates(totalSteps, accumulationSteps int) int {
	return (totalSteps + accumulationSteps - 1) / accumulationSteps
}

// Run trains from step 1 to TotalSteps and saves a checkpoint every SaveCheckpointSteps and at the end. When ctx is
// cancelled, it saves and returns the cause. A loss that is not finite is an error, and parameters are not updated after
// it. If one of several ranks fails, all return its error.
func (t *Trainer) Run(ctx context.Context) error {
	if t.Collective == nil {
		return t.train(ctx)
	}
	return t.runRank(ctx)
}

func (t *Trainer) train(ctx context.Context) error {
	report := newReport(t)
	t.figures = figures{}
	pending := 0 // batches that the gradients are summed over
	for step := 1; step <= t.TotalSteps; step++ {
		b, err := t.Batches.Next()
		if err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		pending++
		updates := pending == t.AccumulationSteps || step == t.TotalSteps
		if err := t.forwardBackward(b, step, pending > 1, updates); err != nil {
			return err
		}
		stopped, err := t.agree(ctx.Err() != nil)
		if err != nil {
			return err
		}
		if updates {
			if report.rate, err = t.update(step, pending); err != nil {
				return err
			}
			pending = 0
		}
		saves := step%t.SaveCheckpointSteps == 0 || step == t.TotalSteps || stopped
		if err := t.finish(report, saves || step == 1); err != nil {
			return err
		}
		if saves {
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

// forwardBackward begins the forward and backward pass over one batch. If accumulate is set, the gradients are added to
// those of the previous batch; if an update follows, they are summed over the ranks during the pass.
func (t *Trainer) forwardBackward(b *batch.Batch, step int, accumulate, updates bool) error {
	t.inputs = b.Inputs(t.inputs)
	if err := t.Pass.Feed(t.inputs); err != nil {
		return fmt.Errorf("step %d: %w", step, err)
	}
	t.figures.beginStep(t.Model, b, t.inputs, step)
	run := device.Run{Seed: uint64(t.Seed), Step: uint64(step), Accumulate: accumulate, Profile: t.Profile}
	if updates {
		run.After = t.buckets.start()
	}
	if err := t.Pass.Run(run); err != nil {
		return fmt.Errorf("step %d: %w", step, err)
	}
	return t.take(false)
}

// update begins an update with the mean gradients over all ranks and a number of batches. It returns the learning rate.
func (t *Trainer) update(step, batches int) (rate float64, err error) {
	number, rate := t.Optimizer.Next()
	// In float32, as the gradients are.
	scale := float64(1 / float32(batches*t.size()))
	run := device.Run{Update: device.Update{Number: number, Rate: rate, Scale: scale}, Profile: t.Profile}
	if err := t.Update.Run(run); err != nil {
		return rate, fmt.Errorf("step %d: %w", step, err)
	}
	t.figures.beginUpdate(step)
	return rate, nil
}

// take stores the outputs of the runs that have ended; with wait, it waits for all runs begun so far. A loss or a norm of
// the gradients that is not finite is an error.
func (t *Trainer) take(wait bool) error {
	passes, err := t.Pass.Figures(wait)
	if err != nil {
		return fmt.Errorf("step %d: %w", t.figures.last().step, err)
	}
	for _, f := range passes {
		if step, finite := t.figures.endPass(f); !finite {
			return t.stop(step, errors.New("the loss is not finite"))
		}
	}
	updates, err := t.Update.Figures(wait)
	if err != nil {
		return fmt.Errorf("step %d: %w", t.figures.last().step, err)
	}
	for _, f := range updates {
		if step, finite := t.figures.endUpdate(f); !finite {
			return t.stop(step, errors.New("the gradients are not finite"))
		}
	}
	return nil
}

// finish ends a step and reports all steps whose outputs are known; with wait, it waits for those of all steps.
func (t *Trainer) finish(report *report, wait bool) error {
	last := t.figures.last()
	last.rate, last.issued = report.rate, time.Now()
	if err := t.take(wait); err != nil {
		return err
	}
	for s := t.figures.next(); s != nil; s = t.figures.next() {
		report.add(s)
		if t.rank() == 0 {
			report.step(s)
		}
	}
	return nil
}

// stop returns the error that ends training, with the last good checkpoint and what to try.
func (t *Trainer) stop(step int, err error) error {
	kept := "no checkpoint was saved yet"
	if t.saved != "" {
		kept = "the last good checkpoint is " + t.saved
	}
	return console.Hint(fmt.Errorf("step %d: %w", step, err),
		kept+"; try a lower --learning_rate, a longer --warmup or --clip_grad_norm 1")
}

// save writes a checkpoint if this is the first rank.
func (t *Trainer) save(step int) error {
	if t.OutputModelPath == "" {
		return nil
	}
	if t.rank() > 0 {
		t.saved = checkpoint.Path(t.OutputModelPath, step)
		return nil
	}
	started := time.Now()
	parameters := make([]float32, t.Model.Program.ParameterSize)
	if err := t.Memory.Read(graph.InParameters, 0, parameters); err != nil {
		return fmt.Errorf("step %d: reading the parameters: %w", step, err)
	}
	if !allFinite(parameters) {
		return t.stop(step, errors.New("parameters are not finite"))
	}
	path, err := checkpoint.Save(t.OutputModelPath, step, t.Model.Program, parameters)
	if err != nil {
		return fmt.Errorf("step %d: saving the checkpoint: %w", step, err)
	}
	t.saved = path
	_, err = fmt.Fprintf(t.Status, "Saved    %s (%.1f s)\n", path, time.Since(started).Seconds())
	return err
}
