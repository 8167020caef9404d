// Package trainer runs the training loop: train a step, report it, save checkpoints, stop, continue.
//
// A [Trainer] trains one replica of a model on a [device.Device]; [RunRanks] runs those of all ranks of the process. The
// loop starts runs without waiting for them and takes their outputs when they are available, so that a device never waits
// for a report. [Measure] times a few steps instead of training.
//
// A checkpoint is always that of the last update. [Trainer.Resume] continues from one as if there had been no stop: what
// follows depends on the parameters, the optimizer state, the number of the step and the position in the data alone.
package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/collective"
	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/exchange"
	"uer/internal/graph"
	"uer/internal/model"
	"uer/internal/optimizer"
	"uer/internal/record"
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
	SkipOutliers        float64 // z-score of the gradients' norm above which an update is skipped; 0: none is
	OutputModelPath     string  // prefix of the names of checkpoints; if it is empty, nothing is saved
	Naming              exchange.Naming
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
	Collective collective.Collective  // the connection to the other ranks; nil if there are none
	Lines      io.Writer              // for the report lines
	Status     io.Writer              // for all other messages
	Live       *console.Status        // shows how far the training has got; nil for nothing
	Records    *record.Log            // keeps the figures and what happens; nil for nothing
	MemoryUsed func() []record.Figure // what the records say of the memory; nil for nothing
	Profile    *device.Profile        // unless nil, records the time of operations
	Limits     device.Limits          // of the device; if they are known, reports say what share of its products' rate is used
	HeldOut    *HeldOut               // the evaluation on held-out data; nil if there is none

	// DebugBatch is where the batch of the first value that is not finite is saved, with the parameters; "" for nowhere.
	DebugBatch string
	// Origin is what the state of a checkpoint says of the run itself: settings, dataset, vocabularies, version.
	Origin checkpoint.State
	// Deadline is when the process will be killed; the zero time if it is not known. The training saves and stops before.
	Deadline time.Time

	inputs   device.Inputs
	kept     []keptBatch // since the last update that is known to be good, if DebugBatch is set
	progress *progress
	outliers outliers
	figures  figures
	buckets  *buckets // nil if there are no other ranks
	start    int      // the step that was resumed after; 0 at the beginning
	resumed  checkpoint.State
	learnt   learnt
	saves    saves
	pace     pace
	recent   recentLoss
	loading  time.Duration // of the last batch
	busy     float64       // seconds of work a step, between the last two lines of the report
}

// learnt says what the parameters have learnt from: the batches up to the last update. If an update takes several batches,
// those after it are not part of a checkpoint.
type learnt struct {
	step, updates int
	after         batch.Progress
	norms         []float64 // of the last updates, if outliers are skipped
}

// state says the same in a checkpoint, given the position of all ranks.
func (l *learnt) state(position batch.Position) checkpoint.State {
	return checkpoint.State{Step: l.step, Updates: l.updates, Position: position, Norms: l.norms}
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
	if t.Update, err = d.Load(t.Optimizer.Program, t.Memory); err != nil {
		return err
	}
	if err := t.outliers.load(t, d); err != nil || t.HeldOut == nil {
		return err
	}
	return t.HeldOut.share(d, t.Memory)
}

// Step returns the last step that the parameters have learnt from.
func (t *Trainer) Step() int { return max(t.start, t.learnt.step) }

// Updates returns the number of updates in a number of steps. Schedules of the learning rate count updates.
func Updates(totalSteps, accumulationSteps int) int {
	return (totalSteps + accumulationSteps - 1) / accumulationSteps
}

// Resume continues from a checkpoint. The trainer must have been loaded with its parameters, and its batches must begin at
// its position.
func (t *Trainer) Resume(f *checkpoint.File) error {
	t.start, t.Optimizer.Updates = f.Step, f.Updates
	t.saves.last, t.resumed = f.Path, f.State
	if t.outliers.limit > 0 {
		t.outliers.norms = slices.Clone(f.Norms[max(0, len(f.Norms)-window):])
	}
	t.HeldOut.resume(f)
	return f.Restore(&t.Optimizer.Whole, t.whole())
}

// Run trains up to TotalSteps and saves a checkpoint every SaveCheckpointSteps and at the end. When ctx is cancelled, it
// saves after the current step and returns the cause; so it does before the deadline, with [ErrDeadline], and if there is
// no next batch, or a checkpoint could not be saved, with that error. A loss that is not finite is an error, and parameters
// are not updated after it. If one of several ranks fails, all return its error.
func (t *Trainer) Run(ctx context.Context) (err error) {
	if t.Collective == nil {
		err = t.train(ctx)
	} else {
		err = t.runRank(ctx)
	}
	if err != nil && !isStop(ctx, err) {
		t.saveAlone()
	}
	return err
}

// isStop reports whether an error is that of a training that has stopped as it should.
func isStop(ctx context.Context, err error) bool {
	var stopped console.Stopped // perhaps by a signal to another process
	return errors.Is(err, ErrDeadline) || errors.As(err, &stopped) || ctx.Err() != nil && errors.Is(err, context.Cause(ctx))
}

func (t *Trainer) train(ctx context.Context) error {
	report := newReport(t)
	t.figures, t.learnt, t.pace, t.recent = figures{}, learnt{}, pace{}, recentLoss{}
	defer t.show()()
	if ends, err := t.resumeHeldOut(ctx, report); ends || err != nil || t.start >= t.TotalSteps {
		return err
	}
	pending := 0 // batches that the gradients are summed over
	b, failure := t.next(t.start + 1)
	leaves, err := t.leaves(ctx, failure)
	for step := t.start + 1; err == nil; step++ {
		if leaves != stays {
			return t.leave(ctx, report, failure, leaves)
		}
		began := time.Now()
		pending++
		updates := pending == t.AccumulationSteps || step == t.TotalSteps
		if err := t.forwardBackward(b, step, pending > 1, updates); err != nil {
			return err
		}
		after := b.After
		if step < t.TotalSteps {
			b, failure = t.next(step + 1)
		}
		// All ranks have come here before any of them updates, so that a loss that is not finite is the first error.
		if failure == nil {
			failure = t.settle(false)
		}
		t.at(step, "agreement on the next step", true)
		if leaves, err = t.leaves(ctx, failure); err != nil {
			return err
		}
		if updates {
			if report.rate, err = t.update(step, pending); err != nil {
				return err
			}
			t.learnt = learnt{step, t.Optimizer.Updates, after, slices.Clone(t.outliers.norms)}
		}
		saves := step%t.SaveCheckpointSteps == 0 || step == t.TotalSteps
		evaluates := updates && t.HeldOut.due(step, pending, t.TotalSteps)
		if updates {
			pending = 0
		}
		if err := t.finish(report, saves || evaluates || step == t.start+1); err != nil {
			return err
		}
		t.pace.step(time.Since(began))
		ends := step == t.TotalSteps
		if evaluates {
			if err := t.evaluate(ctx, step, report); err != nil {
				return err
			}
			ends = ends || t.HeldOut.exhausted()
		}
		if saves || ends {
			if err := t.save(step, ends); err != nil {
				return errors.Join(failure, err)
			}
		}
		if ends {
			return t.sayWhyEarly(step)
		}
		if saves || evaluates {
			leaves, err = t.leaves(ctx, failure) // they may have taken long
		}
	}
	return err
}

// next returns the batch of a step.
func (t *Trainer) next(step int) (*batch.Batch, error) {
	t.at(step, "data", false)
	began := time.Now()
	b, err := t.Batches.Next()
	t.loading = time.Since(began)
	if err != nil {
		return nil, fmt.Errorf("step %d: %w", step, err)
	}
	return b, nil
}

// leave ends training. failure is why this rank cannot go on, nil if it can. What has been learnt is saved first.
func (t *Trainer) leave(ctx context.Context, report *report, failure error, why leaving) error {
	if err := t.report(report, true); err != nil {
		return err
	}
	var err error
	if t.saves.learnt != t.learnt.step {
		err = t.save(t.learnt.step, true)
	} else {
		err = t.settle(true)
	}
	switch {
	case failure != nil:
		return errors.Join(failure, err)
	case err != nil:
		return err
	case why == fails:
		_, err := t.Collective.Agree(0) // which returns the error of the rank that failed
		return err
	}
	return why.cause(ctx)
}

// forwardBackward begins the forward and backward pass over one batch. If accumulate is set, the gradients are added to
// those of the previous batch; if an update follows, they are summed over the ranks during the pass.
func (t *Trainer) forwardBackward(b *batch.Batch, step int, accumulate, updates bool) error {
	t.at(step, "forward and backward pass", false)
	t.inputs = b.Inputs(t.inputs)
	if err := t.Pass.Feed(t.inputs); err != nil {
		return failed(step, err)
	}
	t.figures.beginStep(t.Model, b, t.inputs, step, t.loading, updates)
	t.keep(b, step)
	run := device.Run{Seed: uint64(t.Seed), Step: uint64(step), Accumulate: accumulate, Profile: t.Profile}
	if updates {
		run.After = t.buckets.start()
	}
	if err := t.Pass.Run(run); err != nil {
		return failed(step, err)
	}
	return t.take(false)
}

// update begins an update with the mean gradients over all ranks and a number of batches. It returns the learning rate.
func (t *Trainer) update(step, batches int) (rate float64, err error) {
	t.at(step, "gradient sum", true)
	number, rate := t.Optimizer.Next()
	// In float32, as the gradients are.
	scale := float64(1 / float32(batches*t.size()))
	run := device.Run{
		Step: uint64(step), Update: device.Update{Number: number, Rate: rate, Scale: scale}, Profile: t.Profile,
	}
	if skipped, err := t.skips(step, run); skipped || err != nil {
		return rate, err
	}
	if err := t.Update.Run(run); err != nil {
		return rate, failed(step, err)
	}
	if division := t.Optimizer.Division; division != nil {
		t.Memory.Share(division.Parameters)
	}
	t.figures.beginUpdate(step)
	return rate, nil
}

// take stores the outputs of the runs that have ended; with wait, it waits for all runs begun so far. A loss or a norm of
// the gradients that is not finite is an error.
func (t *Trainer) take(wait bool) error {
	passes, err := t.Pass.Figures(wait)
	if err != nil {
		return failed(t.figures.latest, err)
	}
	for _, f := range passes {
		if step, finite := t.figures.endPass(f); !finite {
			return t.stop(step, errors.New("the loss is not finite"))
		}
	}
	updates, err := t.Update.Figures(wait)
	if err != nil {
		return failed(t.figures.latest, err)
	}
	for _, f := range updates {
		step, finite := t.figures.endUpdate(f)
		if !finite {
			return t.stop(step, errors.New("the gradients are not finite"))
		}
		t.forget(step)
	}
	return nil
}

// finish ends a step and reports all steps whose outputs are known; with wait, it waits for those of all steps.
func (t *Trainer) finish(report *report, wait bool) error {
	last := t.figures.last()
	last.rate, last.issued = report.rate, time.Now()
	return t.report(report, wait)
}

// report reports the steps whose outputs are known; with wait, it waits for those of all steps.
func (t *Trainer) report(report *report, wait bool) error {
	if err := t.take(wait); err != nil {
		return err
	}
	for s := t.figures.next(); s != nil; s = t.figures.next() {
		report.add(s)
		t.recent.add(s, t.ReportSteps)
		if s.step%t.ReportSteps == 0 {
			t.busy = report.busy()
		}
		t.progress.add(s, t.BatchSize*t.size())
		if t.rank() == 0 {
			report.step(s)
		}
	}
	return nil
}

// failed names the step of an error: that of the run that failed, or else the present one.
func failed(step int, err error) error {
	if run := (*device.RunError)(nil); errors.As(err, &run) {
		step = int(run.Step)
	}
	return fmt.Errorf("step %d: %w", step, err)
}

// stop returns the error that ends training, with the last good checkpoint and what to try.
func (t *Trainer) stop(step int, err error) error {
	saving := t.settle(true) // the last one may be being written
	err = t.diagnose(step, err)
	kept := "no checkpoint was saved yet"
	if t.saves.last != "" {
		kept = "the last good checkpoint is " + t.saves.last
	}
	try := "; try a lower --learning_rate, a longer --warmup or --clip_grad_norm 1"
	if t.DebugBatch == "" {
		try += "; --debug_batch FILE names the tensor where it begins"
	}
	return console.Hint(errors.Join(fmt.Errorf("step %d: %w", step, err), saving), kept+try)
}
