package trainer

import (
	"context"
	"fmt"
	"time"

	"uer/internal/checkpoint"
	"uer/internal/console"
	"uer/internal/record"
)

// HeldOut is the evaluation of a training on held-out data.
type HeldOut struct {
	*Evaluator
	Steps    int                // an evaluation follows the first update after so many steps, and the last one
	Patience int                // evaluations in a row without a better loss after which training ends; 0: it never does
	Found    checkpoint.HeldOut // what evaluations have found so far; the dataset identifies the held-out data
}

// due reports whether an evaluation follows an update of some batches after a step.
func (h *HeldOut) due(step, batches, totalSteps int) bool {
	return h != nil && (step/h.Steps > (step-batches)/h.Steps || step == totalSteps)
}

// exhausted reports whether so many evaluations were no better that training ends.
func (h *HeldOut) exhausted() bool { return h.Patience > 0 && h.Found.Since >= h.Patience }

// add takes the loss of the evaluation after a step and reports whether it is the lowest. One that is not a number never is.
func (h *HeldOut) add(loss float64, step int) bool {
	f := &h.Found
	f.Last = step
	if isFinite(loss) && (f.BestStep == 0 || loss < f.BestLoss) {
		f.BestStep, f.BestLoss, f.Since = step, loss, 0
		return true
	}
	f.Since++
	return false
}

// resume takes what was found before a checkpoint, if it was found on the same data.
func (h *HeldOut) resume(f *checkpoint.File) {
	if h != nil && f.HeldOut != nil && f.HeldOut.Dataset.SHA256 == h.Found.Dataset.SHA256 {
		h.Found = *f.HeldOut
	}
}

// resumeHeldOut makes the evaluation that a stop before the checkpoint has cut off, if there was one, and reports whether
// training has come to its end because no evaluation is better.
func (t *Trainer) resumeHeldOut(ctx context.Context, report *report) (ends bool, err error) {
	h := t.HeldOut
	if h == nil || t.start == 0 {
		return false, nil
	}
	if h.Found.Last < t.start && h.due(t.start, t.AccumulationSteps, t.TotalSteps) {
		if err := t.evaluate(ctx, t.start, report); err != nil {
			return false, err
		}
	}
	if !h.exhausted() {
		return false, nil
	}
	return true, t.sayWhyEarly(t.start)
}

// evaluate evaluates the parameters after a step on the held-out data, and saves them if they are the best so far. All steps
// begun must have been reported. Nothing of it changes how training goes on. If training shall stop, it ends without
// figures.
func (t *Trainer) evaluate(ctx context.Context, step int, report *report) error {
	started := time.Now()
	defer func() { report.pause(time.Since(started)) }()
	end := t.pauseFor(func() string {
		return fmt.Sprintf("Eval     step %s of %s  %s", console.Count(step), console.Count(t.TotalSteps), t.HeldOut.Describe())
	})
	figures, stopped, err := t.HeldOut.Run(func() bool { return t.stops(ctx) })
	end()
	if err != nil {
		return fmt.Errorf("step %d: %w", step, err)
	}
	if stopped {
		return nil
	}
	best := t.HeldOut.add(figures.Loss, step)
	if t.rank() == 0 {
		note := ""
		if best {
			note = ", best"
		}
		fmt.Fprint(t.Lines, figures.Lines(fmt.Sprintf("step %s: ", console.Count(step)), note))
		t.Records.Figures(record.Evaluation, step, figures.figures(best))
	}
	if !best {
		return nil
	}
	return t.saveBest()
}

// sayWhyEarly says why training ends after a step, if that is not the last one.
func (t *Trainer) sayWhyEarly(step int) error {
	if step >= t.TotalSteps || t.rank() > 0 {
		return nil
	}
	found := t.HeldOut.Found
	_, err := fmt.Fprintf(t.Status, "Stopped  at step %s: no better loss than that of step %s in %s\n", console.Count(step),
		console.Count(found.BestStep), evaluations(found.Since))
	return err
}

func evaluations(n int) string {
	if n == 1 {
		return "1 evaluation"
	}
	return console.Count(n) + " evaluations"
}
