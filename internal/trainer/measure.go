package trainer

import (
	"context"
	"io"
	"time"
)

// Measure trains for a few steps, without reports and checkpoints, and returns the time of one. The first step does not
// count, since it is slower: its memory is touched for the first time. Afterwards the ranks have other parameters and
// later batches.
func Measure(ctx context.Context, ranks []*Trainer) (time.Duration, error) {
	const measured = 2
	run := func(steps int) error {
		silent := make([]*Trainer, len(ranks))
		for i, t := range ranks {
			rank := *t
			rank.TotalSteps, rank.OutputModelPath, rank.Lines, rank.HeldOut = rank.start+steps, "", io.Discard, nil
			rank.Live = nil
			silent[i] = &rank
		}
		return RunRanks(ctx, silent)
	}
	if err := run(1); err != nil {
		return 0, err
	}
	started := time.Now()
	err := run(measured)
	return time.Since(started) / measured, err
}
