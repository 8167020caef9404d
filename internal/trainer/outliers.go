package trainer

import (
	"fmt"
	"math"
	"slices"

	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/record"
)

// outliers finds updates whose gradients are far larger than those before, as llm.c does (llmc/outlier_detector.h): by the
// z-score of their norm among the last ones, itself included.
type outliers struct {
	limit float64           // z-score above which an update is skipped; 0: none is
	norm  device.Executable // computes the norm; nil without a limit
	norms []float64         // of the last updates, at most window of them
}

// window is the number of norms that one is compared with. Nothing is an outlier before there are so many.
const window = 128

// load prepares for a training with a limit.
func (o *outliers) load(t *Trainer, d device.Device) error {
	if o.limit = t.SkipOutliers; o.limit == 0 {
		return nil
	}
	program, err := t.Optimizer.NewNorm(t.Model.Program.Layout)
	if err == nil {
		o.norm, err = d.Load(program, t.Memory)
	}
	return err
}

// score adds a norm and returns its z-score; NaN while there are too few norms.
func (o *outliers) score(norm float64) float64 {
	if !isFinite(norm) {
		return math.NaN()
	}
	if len(o.norms) == window {
		o.norms = slices.Delete(o.norms, 0, 1)
	}
	if o.norms = append(o.norms, norm); len(o.norms) < window {
		return math.NaN()
	}
	mean, squares := 0.0, 0.0
	for _, x := range o.norms {
		mean += x / window
	}
	for _, x := range o.norms {
		squares += (x - mean) * (x - mean) / window
	}
	return (norm - mean) / math.Sqrt(squares)
}

// skips reports whether an update is to be skipped, and says so. All ranks come to the same result, since they have the same
// gradients. It waits for them.
func (t *Trainer) skips(step int, run device.Run) (bool, error) {
	if t.outliers.norm == nil {
		return false, nil
	}
	if err := t.outliers.norm.Run(run); err != nil {
		return false, failed(step, err)
	}
	ended, err := t.outliers.norm.Figures(true)
	if err != nil {
		return false, failed(step, err)
	}
	norm := ended[len(ended)-1].Outputs[0]
	score := t.outliers.score(norm)
	if !(score > t.outliers.limit) {
		return false, nil
	}
	t.figures.setNorm(step, norm)
	if t.rank() == 0 {
		text := fmt.Sprintf("the norm of its gradients, %#.3g, is %.1f standard deviations above the mean of the last %d", norm, score, window)
		fmt.Fprintf(t.Status, "Skipped  the update of step %s: %s\n", console.Count(step), text)
		t.Records.Event(record.Warning, step, record.Field{Name: "text", Value: "the update is skipped: " + text})
	}
	return true, nil
}
