package trainer

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"uer/internal/checkpoint"
	"uer/internal/console"
	"uer/internal/graph"
	"uer/internal/record"
)

// saves is what the trainer knows of its checkpoints.
type saves struct {
	last    string        // path of the last whole one, also if it was resumed
	step    int           // of the last one that was begun; 0 if none was
	learnt  int           // the last step that it has learnt from
	took    time.Duration // to save one
	failed  bool          // the last one could not be saved
	writing chan written  // the result of the one that is being written; nil if none is
	path    string        // of that one
	began   time.Time     // when its writing began
}

// written is the result of writing a checkpoint.
type written struct {
	path string
	step int
	took time.Duration
	err  error
}

// Saved returns the path of the last checkpoint, or of the one that was resumed; "" if there is none.
func (t *Trainer) Saved() string { return t.saves.last }

// save writes a checkpoint of what has been learnt, as that of a step, if this is the first rank. All ranks must call it
// together. Where saving takes longer than a step, training goes on while it is written, unless it must be there now. It
// does nothing if nothing has been learnt yet.
func (t *Trainer) save(step int, now bool) error {
	if t.OutputModelPath == "" || t.learnt.step == 0 {
		return nil
	}
	if step == t.saves.step {
		return t.settle(now)
	}
	position, err := t.learnt.after.Gather(t.Collective)
	if err != nil {
		return err
	}
	t.saves.step, t.saves.learnt = step, t.learnt.step
	return t.write(checkpoint.Path(t.OutputModelPath, step), step, t.learnt.state(position), now)
}

// saveBest writes a checkpoint of what has been learnt as the best one, as save does. All ranks must call it together.
func (t *Trainer) saveBest() error {
	if t.OutputModelPath == "" {
		return nil
	}
	path := checkpoint.Best(t.OutputModelPath)
	if t.learnt.step == 0 { // nothing has been learnt since it was resumed
		return t.write(path, t.start, t.resumed, false)
	}
	position, err := t.learnt.after.Gather(t.Collective)
	if err != nil {
		return err
	}
	return t.write(path, t.learnt.step, t.learnt.state(position), false)
}

// saveAlone saves what has been learnt after something has failed, if the first rank can without the others.
func (t *Trainer) saveAlone() {
	settled := t.settle(true)
	position, known := t.learnt.after.Alone()
	if t.Optimizer.Division != nil {
		return // the others have their parts of the optimizer state
	}
	if settled != nil || t.rank() > 0 || t.OutputModelPath == "" || t.saves.failed || t.saves.learnt == t.learnt.step {
		return
	}
	if t.Collective == nil {
		position, _ = t.learnt.after.Gather(nil)
	} else if !known {
		return
	}
	// The sums of the gradients may have failed, too, which the memory says once.
	_ = t.Memory.Read(graph.InState, 0, make([]float32, 1))
	t.saves.step, t.saves.learnt = t.learnt.step, t.learnt.step
	path := checkpoint.Path(t.OutputModelPath, t.learnt.step)
	if err := t.write(path, t.learnt.step, t.learnt.state(position), true); err != nil && !errors.Is(err, checkpoint.ErrNotFinite) {
		fmt.Fprintf(t.Status, "Saving   %v\n", err)
	}
}

// write begins to write a checkpoint to a path if this is the first rank, and waits for its end if it must be there now. at
// says what the parameters have learnt from.
func (t *Trainer) write(path string, step int, at checkpoint.State, now bool) error {
	t.at(at.Step, "saving", t.rank() > 0)
	earlier := t.settle(true)
	if earlier != nil && !now {
		return earlier
	}
	if t.rank() > 0 {
		t.saves.last = path
		if d, ok := t.whole().(*divided); ok {
			return d.serve()
		}
		return nil
	}
	state := t.Origin
	state.Step, state.Updates, state.Position, state.Saved, state.Norms = at.Step, at.Updates, at.Position, time.Now(), at.Norms
	state.Loss = t.recent.state()
	if t.HeldOut != nil {
		found := t.HeldOut.Found
		state.HeldOut = &found
	}
	var memory checkpoint.Reader = t.whole()
	background := !now && t.pace.longest > 0 && t.saves.took > t.pace.longest
	t.pace.saved()
	parts, isDivided := memory.(*divided)
	if background {
		copied, err := copyOf(&t.Optimizer.Whole, memory)
		if err != nil {
			return t.notSaved(step, err)
		}
		memory = copied
	}
	result := make(chan written, 1)
	t.saves.writing, t.saves.path, t.saves.began = result, path, time.Now()
	go func() {
		started := time.Now()
		err := t.writeAgain(path, memory, &state)
		took := time.Since(started)
		if err == nil {
			t.prune(step, state.Run)
		}
		result <- written{path, step, took, err}
	}()
	if err := errors.Join(earlier, t.settle(!background)); err != nil || !isDivided {
		return err
	}
	return parts.release()
}

// prune removes checkpoints that are not to be kept, now that there is a new one.
func (t *Trainer) prune(step int, run string) {
	if t.KeepCheckpoints == 0 {
		return
	}
	if err := checkpoint.Prune(t.OutputModelPath, run, step, t.KeepCheckpoints); err != nil {
		fmt.Fprintf(t.Status, "Kept     more checkpoints than wanted: %v\n", err)
	}
}

// settle reports a checkpoint that has been written; with wait, it waits until it is.
func (t *Trainer) settle(wait bool) error {
	if t.saves.writing == nil {
		return nil
	}
	var result written
	if wait {
		end := t.pauseFor(t.describeSave)
		result = <-t.saves.writing
		end()
	} else {
		select {
		case result = <-t.saves.writing:
		default:
			return nil
		}
	}
	t.saves.writing, t.saves.took = nil, result.took
	if result.err != nil {
		return t.notSaved(result.step, result.err)
	}
	t.saves.last = result.path
	fmt.Fprintf(t.Status, "Saved    %s (%.1f s)\n", t.saves.last, t.saves.took.Seconds())
	t.Records.Event(record.Checkpoint, result.step, record.Field{Name: "path", Value: result.path},
		record.Field{Name: "seconds", Value: result.took.Seconds()})
	return nil
}

// copied is a copy of a device's memory.
type copied struct{ parameters, state []float32 }

// copyOf copies what a checkpoint holds. Parameters that are not finite are an error.
func copyOf(layout *graph.Layout, memory checkpoint.Reader) (*copied, error) {
	c := &copied{make([]float32, layout.ParameterSize), make([]float32, layout.StateSize)}
	if err := memory.Read(graph.InParameters, 0, c.parameters); err != nil {
		return nil, fmt.Errorf("reading the parameters: %w", err)
	}
	if !checkpoint.Finite(c.parameters) {
		return nil, checkpoint.ErrNotFinite
	}
	if err := memory.Read(graph.InState, 0, c.state); err != nil {
		return nil, fmt.Errorf("reading the optimizer state: %w", err)
	}
	return c, nil
}

// Read implements checkpoint.Reader.
func (c *copied) Read(p graph.Place, offset int, to []float32) error {
	from := c.parameters
	if p == graph.InState {
		from = c.state
	}
	copy(to, from[offset:])
	return nil
}

// pauses are those before a checkpoint is tried again.
var pauses = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second}

// writeAgain writes a checkpoint, again if the disk has failed in a way that may pass.
func (t *Trainer) writeAgain(path string, memory checkpoint.Reader, state *checkpoint.State) error {
	for attempt := 0; ; attempt++ {
		saved, err := checkpoint.SaveAs(path, t.Naming, &t.Optimizer.Whole, memory, state, t.Overwrite)
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
	return console.Hint(failed(step, fmt.Errorf("saving the checkpoint: %w", err)), kept)
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
		layout := &t.Optimizer.Whole
		saving = time.Duration(float64(4*(layout.ParameterSize+layout.StateSize)) / slowDisk * float64(time.Second))
	}
	return max(t.pace.longest, t.pace.before) + 2*saving + toEnd
}

// pace is how long steps take, without saving. The first one counts until a checkpoint is saved: it takes longer than others.
type pace struct{ longest, before time.Duration } // since the last checkpoint, and before it

func (p *pace) step(took time.Duration) { p.longest = max(p.longest, took) }

func (p *pace) saved() { p.longest, p.before = 0, p.longest }
