package trainer

import (
	"context"
	"io"
	"time"
)

// Measure trains for a few steps, with no report and no checkpoint, and returns the time of one. The first step does not
// count: it is slower, as it touches its memory for the first time. The ranks cannot be used for a training after it.
func Measure(ctx context.Context, ranks []*Trainer) (time.Duration, error) {
	const measured = 2
	run := func(steps int) error {
		for _, t := range ranks {
			t.TotalSteps, t.OutputModelPath, t.Lines = steps, "", io.Discard
		}
		return RunRanks(ctx, ranks)
	}
	if err := run(1); err != nil {
		return 0, err
	}
	started := time.Now()
	err := run(measured)
	return time.Since(started) / measured, err
}
