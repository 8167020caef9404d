package trainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"syscall"
	"time"

	"uer/internal/collective"
	"uer/internal/console"
)

// RunRanks trains all ranks of this process and returns the error of the one that failed first. The ranks must be
// connected, unless there is only one. If another process has failed, ranks that hang are left behind, for the program to
// end.
func RunRanks(ctx context.Context, ranks []*Trainer) error {
	const grace = 5 * time.Second
	type ending struct {
		rank int
		err  error
	}
	endings := make(chan ending, len(ranks))
	for i, t := range ranks {
		go func() { endings <- ending{i, t.Run(ctx)} }()
	}
	errs := make([]error, len(ranks))
	var limit <-chan time.Time
	for range ranks {
		select {
		case e := <-endings:
			errs[e.rank] = e.err
			var failure *collective.Failure
			if errors.As(e.err, &failure) && limit == nil {
				limit = time.After(grace)
			}
		case <-limit:
			return cmp.Or(errs...)
		}
	}
	return cmp.Or(errs...)
}

// runRank trains one of several ranks. If it fails, it ends the others.
func (t *Trainer) runRank(ctx context.Context) (err error) {
	t.buckets = newBuckets(t.Model.Program, t.Memory, t.Optimizer.Division)
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n\n%s", value, debug.Stack())
		}
		// A stop is not a failure: the first rank may still be saving.
		if err != nil && !isStop(ctx, err) {
			err = t.Collective.Abort(err)
		}
	}()
	err = t.train(ctx)
	if err == nil || isStop(ctx, err) {
		// No rank ends before the last checkpoint is written: launchers kill the others soon after the first one.
		if _, failed := t.Collective.Agree(0); failed != nil {
			return failed
		}
	}
	return err
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

// leaving says whether all ranks leave the loop, and why: the greatest reason of any rank. The numbers of signals are those
// in between.
type leaving int

const (
	stays    leaving = 0
	deadline leaving = 1000 // the time of a rank's job is over
	fails    leaving = 1001 // a rank cannot go on
)

// leaves waits until all ranks have come this far and decides with them. failure is why this rank cannot go on.
func (t *Trainer) leaves(ctx context.Context, failure error) (leaving, error) {
	why := stays
	var stopped console.Stopped
	switch {
	case failure != nil:
		why = fails
	case errors.As(context.Cause(ctx), &stopped):
		why = leaving(stopped.Signal)
	case t.stops(ctx):
		why = deadline
	}
	if t.Collective == nil {
		return why, nil
	}
	greatest, err := t.Collective.Agree(int(why))
	return leaving(greatest), err
}

// cause returns the error of a training that has left the loop for a reason other than a failure.
func (why leaving) cause(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case why == deadline:
		return ErrDeadline
	}
	return console.Stopped{Signal: syscall.Signal(why)}
}

// at notes where in the training this rank is, for the others.
func (t *Trainer) at(step int, phase string, waits bool) {
	if t.Collective != nil {
		t.Collective.At(collective.At{Step: step, Phase: phase, Waits: waits, Busy: t.busy})
	}
}
