package trainer

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"uer/internal/console"
)

// progress is how far a training has got. The loop sets it without waiting or allocating; the status line reads it.
type progress struct {
	began     time.Time
	paused    atomic.Int64 // nanoseconds in which nothing was trained
	took      atomic.Int64 // nanoseconds up to the step, without pauses
	step      atomic.Int64 // the last one whose figures are known
	loss      atomic.Uint64
	positions atomic.Int64 // of all ranks in this run, with padding
}

// add takes the figures of a step.
func (p *progress) add(s *stepFigures, sequences int) {
	p.step.Store(int64(s.step))
	p.loss.Store(math.Float64bits(s.outputs[0]))
	p.positions.Add(int64(sequences * s.length))
	p.took.Store(int64(p.elapsed()))
}

// elapsed returns for how long something was trained.
func (p *progress) elapsed() time.Duration {
	return time.Since(p.began) - time.Duration(p.paused.Load())
}

// show shows how far the training has got until the returned function is called.
func (t *Trainer) show() (end func()) {
	t.progress = &progress{began: time.Now()}
	t.progress.step.Store(int64(t.start))
	if t.Live == nil {
		return func() {}
	}
	return t.Live.Show(t.describe)
}

// describe describes the training in a line. It is called while the training goes on.
func (t *Trainer) describe() string {
	p := t.progress
	step, elapsed, took := int(p.step.Load()), p.elapsed(), time.Duration(p.took.Load())
	if step == t.start || took <= 0 {
		return fmt.Sprintf("Train    step %s of %s  %s", console.Count(step+1), console.Count(t.TotalSteps), console.Duration(elapsed))
	}
	left := time.Duration(float64(took)/float64(step-t.start)*float64(t.TotalSteps-step)) - (elapsed - took)
	return fmt.Sprintf("Train    %s/%s  loss %.2f  %d%%  %s left  %s tokens/s", console.Count(step), console.Count(t.TotalSteps),
		math.Float64frombits(p.loss.Load()), 100*step/t.TotalSteps, console.Duration(max(left, 0)),
		console.Count(int64(float64(p.positions.Load())/took.Seconds())))
}

// pauseFor shows something else than the training until the returned function is called. That time does not count.
func (t *Trainer) pauseFor(describe func() string) (end func()) {
	began, hide := time.Now(), func() {}
	if t.Live != nil {
		hide = t.Live.Show(describe)
	}
	return func() {
		hide()
		if t.progress != nil {
			t.progress.paused.Add(int64(time.Since(began)))
		}
	}
}

// describeSave describes the checkpoint that is being written.
func (t *Trainer) describeSave() string {
	return fmt.Sprintf("Save     %s  %s", t.saves.path, console.Duration(time.Since(t.saves.began)))
}
