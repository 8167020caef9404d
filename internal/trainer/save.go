package trainer

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/console"
	"uer/internal/graph"
)

// saves is what the trainer knows of its checkpoints.
type saves struct {
	last   string        // path of the last one, also if it was resumed
	step   int           // of the last one; 0 if none was saved
	learnt int           // the last step that it has learnt from
	took   time.Duration // to save it
	failed bool          // the last one could not be saved
}

// Saved returns the path of the last checkpoint, or of the one that was resumed; "" if there is none.
func (t *Trainer) Saved() string { return t.saves.last }

// save writes a checkpoint of what has been learnt, as that of a step, if this is the first rank. All ranks must call it
// together. It does nothing if nothing has been learnt yet.
func (t *Trainer) save(step int) error {
	if t.OutputModelPath == "" || t.learnt.step == 0 || step == t.saves.step {
		return nil
	}
	position, err := t.learnt.after.Gather(t.Collective)
	if err != nil {
		return err
	}
	return t.write(step, position)
}

// saveAlone saves what has been learnt after something has failed, if the first rank can without the others.
func (t *Trainer) saveAlone() {
	position, known := t.learnt.after.Alone()
	if t.rank() > 0 || t.OutputModelPath == "" || t.saves.failed || t.saves.learnt == t.learnt.step {
		return
	}
	if t.Collective == nil {
		position, _ = t.learnt.after.Gather(nil)
	} else if !known {
		return
	}
	// The sums of the gradients may have failed, too, which the memory says once.
	_ = t.Memory.Read(graph.InState, 0, make([]float32, 1))
	if err := t.write(t.learnt.step, position); err != nil && !errors.Is(err, checkpoint.ErrNotFinite) {
		fmt.Fprintf(t.Status, "Saving   %v\n", err)
	}
}

// write writes a checkpoint if this is the first rank.
func (t *Trainer) write(step int, position batch.Position) error {
	state := t.Origin
	state.Step, state.Updates, state.Position = t.learnt.step, t.learnt.updates, position
	path := checkpoint.Path(t.OutputModelPath, step)
	if t.rank() == 0 {
		started := time.Now()
		state.Saved = started
		if err := t.writeAgain(step, &state); err != nil {
			return t.notSaved(step, err)
		}
		t.saves.took = time.Since(started)
		fmt.Fprintf(t.Status, "Saved    %s (%.1f s)\n", path, t.saves.took.Seconds())
		if t.KeepCheckpoints > 0 {
			if err := checkpoint.Prune(t.OutputModelPath, state.Run, step, t.KeepCheckpoints); err != nil {
				fmt.Fprintf(t.Status, "Kept     more checkpoints than wanted: %v\n", err)
			}
		}
	}
	t.saves.last, t.saves.step, t.saves.learnt = path, step, state.Step
	return nil
}

// pauses are those before a checkpoint is tried again.
var pauses = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second}

// writeAgain writes a checkpoint, again if the disk has failed in a way that may pass.
func (t *Trainer) writeAgain(step int, state *checkpoint.State) error {
	for attempt := 0; ; attempt++ {
		saved, err := checkpoint.Save(t.OutputModelPath, step, &t.Optimizer.Program.Layout, t.Memory, state, t.Overwrite)
		if saved.Aside != "" {
			fmt.Fprintf(t.Status, "Aside    the %s of an earlier training is now %s\n", saved.Path, saved.Aside)
		}
		if err == nil || attempt == len(pauses) || !mayPass(err) {
			return err
		}
		fmt.Fprintf(t.Status, "Saving   %v; trying again in %v\n", err, pauses[attempt])
		time.Sleep(pauses[attempt])
	}
}

// mayPass reports whether an error of a disk may be gone in a moment: full until something is deleted, or a server that
// does not answer.
func mayPass(err error) bool {
	for _, passing := range []syscall.Errno{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EAGAIN, syscall.EINTR,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// notSaved returns the error of a checkpoint that could not be saved.
func (t *Trainer) notSaved(step int, err error) error {
	t.saves.failed = true
	if errors.Is(err, checkpoint.ErrNotFinite) {
		return t.stop(step, err)
	}
	kept := "no checkpoint was saved before"
	if t.saves.last != "" {
		kept = "the last whole checkpoint is " + t.saves.last
	}
	return console.Hint(fmt.Errorf("step %d: saving the checkpoint: %w", step, err), kept)
}

// ErrDeadline means that a training has stopped because the time of its job is over.
var ErrDeadline = errors.New("stopped before the time of the job is over")

// stops reports whether the training shall stop now.
func (t *Trainer) stops(ctx context.Context) bool {
	return ctx.Err() != nil || !t.Deadline.IsZero() && time.Until(t.Deadline) < t.reserve()
}

// reserve returns how long before the deadline the training stops: the time of a step and of two saves, and what it takes
// to end.
func (t *Trainer) reserve() time.Duration {
	const toEnd = 10 * time.Second
	const slowDisk = 100 << 20 // bytes a second
	saving := t.saves.took
	if saving == 0 {
		layout := &t.Optimizer.Program.Layout
		saving = time.Duration(float64(4*(layout.ParameterSize+layout.StateSize)) / slowDisk * float64(time.Second))
	}
	return t.pace.longest + 2*saving + toEnd
}

// pace measures how long steps take, saves included.
type pace struct {
	last    time.Time // when a step ended
	longest time.Duration
}

func (p *pace) step(now time.Time) {
	if !p.last.IsZero() {
		p.longest = max(p.longest, now.Sub(p.last))
	}
	p.last = now
}
