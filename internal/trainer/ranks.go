package trainer

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// RunRanks trains all ranks of this process and returns the error of the one that failed first. The ranks must be
// connected, unless there is only one.
func RunRanks(ctx context.Context, ranks []*Trainer) error {
	errs := make([]error, len(ranks))
	var others sync.WaitGroup
	for i := 1; i < len(ranks); i++ {
		others.Go(func() { errs[i] = ranks[i].Run(ctx) })
	}
	errs[0] = ranks[0].Run(ctx)
	others.Wait()
	return cmp.Or(errs...)
}

// runRank trains one of several ranks. If it fails, it ends the others.
func (t *Trainer) runRank(ctx context.Context) (err error) {
	t.buckets = newBuckets(t.Model.Program, t.Memory)
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n\n%s", value, debug.Stack())
		}
		// A stop is not a failure: the first rank may still be saving.
		if err != nil && !isStop(ctx, err) {
			err = t.Collective.Abort(err)
		}
	}()
	if err := t.train(ctx); err != nil {
		return err
	}
	return t.Collective.Barrier() // no rank succeeds before the last checkpoint is written
}

// rank returns the number of this rank.
func (t *Trainer) rank() int {
	if t.Collective == nil {
		return 0
	}
	return t.Collective.Rank()
}

// size returns the number of ranks.
func (t *Trainer) size() int {
	if t.Collective == nil {
		return 1
	}
	return t.Collective.Size()
}

// leaving says whether all ranks leave the loop, and why.
type leaving int

const (
	stays leaving = iota
	stops         // one of them shall stop
	fails         // one of them cannot go on
)

// leaves waits until all ranks have come this far and decides with them. failure is why this rank cannot go
// on.
func (t *Trainer) leaves(ctx context.Context, failure error) (leaving, error) {
	var votes [2]float32
	if t.stops(ctx) {
		votes[0] = 1
	}
	if failure != nil {
		votes[1] = 1
	}
	if t.Collective != nil {
		if err := t.Collective.AllReduce(votes[:]); err != nil {
			return stays, err
		}
	}
	switch {
	case votes[1] > 0:
		return fails, nil
	case votes[0] > 0:
		return stops, nil
	}
	return stays, nil
}
