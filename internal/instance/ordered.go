package instance

import (
	"context"
	"iter"
	"sync"
)

// step is some work for one worker.
type step func(*worker) (*portion, error)

// job is a step and its result.
type job struct {
	step step
	done chan struct{} // closed when made and err are set
	made *portion
	err  error
}

// ordered does the steps, in one goroutine per worker, and emits what they make, in the order of the steps and in the
// caller's goroutine. It holds a few results per worker at a time. The first error in that order ends it, as does the end
// of ctx. A step that steps has yielded is done in any case.
func ordered(ctx context.Context, workers []*worker, steps iter.Seq2[step, error], emit func(*portion) error) error {
	inner, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()

	open := make(chan *job, len(workers))    // to the workers
	queue := make(chan *job, 4*len(workers)) // to emit
	group.Go(func() {
		defer close(queue)
		defer close(open)
		for do, err := range steps {
			j := &job{step: do, done: make(chan struct{}), err: err}
			if err != nil {
				close(j.done)
			} else if !send(inner, open, j) {
				return
			}
			if !send(inner, queue, j) || err != nil {
				return
			}
		}
	})
	for _, w := range workers {
		group.Go(func() {
			for j := range open {
				j.made, j.err = j.step(w)
				close(j.done)
			}
		})
	}
	for j := range queue {
		select {
		case <-j.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if j.err != nil {
			return j.err
		}
		if err := emit(j.made); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// send sends a value unless ctx ends first.
func send[T any](ctx context.Context, to chan<- T, value T) bool {
	select {
	case to <- value:
		return true
	case <-ctx.Done():
		return false
	}
}
