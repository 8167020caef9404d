package trainer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"uer/internal/checkpoint"
	"uer/internal/console"
)

// HeldOut is the evaluation of a training on held-out data.
type HeldOut struct {
	*Evaluator
	Steps    int  // steps between evaluations; the last step is followed by one, too
	Patience int  // evaluations in a row without a better loss after which training ends; 0: it never does
	Best     Best // what evaluations have found so far
}

// Best is the best evaluation of a training.
type Best struct {
	Step  int     `json:"step"`  // after which it was made; 0: there was none yet
	Loss  float64 `json:"loss"`  // its loss, the lowest of all
	Since int     `json:"since"` // evaluations since, none of which was better
}

// add takes the loss of one more evaluation and reports whether it is the lowest. One that is not a number never is.
func (b *Best) add(loss float64, step int) bool {
	if isFinite(loss) && (b.Step == 0 || loss < b.Loss) {
		*b = Best{Step: step, Loss: loss}
		return true
	}
	b.Since++
	return false
}

// due reports whether an evaluation follows a step.
func (h *HeldOut) due(step, totalSteps int) bool {
	return h != nil && (step%h.Steps == 0 || step == totalSteps)
}

// exhausted reports whether so many evaluations were no better that training ends.
func (h *HeldOut) exhausted() bool { return h.Patience > 0 && h.Best.Since >= h.Patience }

// evaluate evaluates the parameters on the held-out data, once all steps begun so far are reported, and saves them if they
// are the best so far. Nothing of it changes how training goes on, except that it may have to stop.
func (t *Trainer) evaluate(ctx context.Context, step int, report *report) (stopped bool, err error) {
	started := time.Now()
	defer func() { report.pause(time.Since(started)) }()
	figures, stopped, err := t.HeldOut.Run(ctx)
	if err != nil || stopped {
		if err != nil {
			err = fmt.Errorf("step %d: %w", step, err)
		}
		return stopped, err
	}
	best := t.HeldOut.Best.add(figures.Loss, step)
	if t.rank() == 0 {
		note := ""
		if best {
			note = ", best"
		}
		fmt.Fprint(t.Lines, figures.Lines(fmt.Sprintf("step %s: ", console.Count(step)), note))
	}
	if !best {
		return false, nil
	}
	return false, t.saveAs(checkpoint.Best(t.OutputModelPath), step)
}

// Lines describes the figures in lines of at most 80 columns: those of a single head in one line, of several in one each.
// intro comes before the total loss, and note after the figures of a single head, or else after the total loss.
func (e *Evaluation) Lines(intro, note string) string {
	var lines strings.Builder
	fmt.Fprintf(&lines, "Eval     %sloss %.4f", intro, e.Loss)
	if len(e.Heads) == 1 {
		fmt.Fprintf(&lines, "%s%s\n", e.Heads[0].fields(), note)
		return lines.String()
	}
	lines.WriteString(note + "\n")
	for _, head := range e.Heads {
		fmt.Fprintf(&lines, "         %s: loss %.4f%s\n", head.Name, head.Loss, head.fields())
	}
	return lines.String()
}

// fields formats the figures besides the loss.
func (h HeadEvaluation) fields() string {
	if !h.Tokens {
		return fmt.Sprintf(", acc %.4f", h.Accuracy())
	}
	format := ", ppl %.2f, acc %.4f"
	if h.Perplexity() >= 1e6 {
		format = ", ppl %.2e, acc %.4f"
	}
	return fmt.Sprintf(format, h.Perplexity(), h.Accuracy())
}

// stopEarly says why training ends before its last step.
func (t *Trainer) stopEarly(step int) error {
	if t.rank() > 0 {
		return nil
	}
	_, err := fmt.Fprintf(t.Status, "Stopped  at step %s: no better loss than that of step %s in %d evaluations\n",
		console.Count(step), console.Count(t.HeldOut.Best.Step), t.HeldOut.Best.Since)
	return err
}
