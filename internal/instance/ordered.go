package instance

import (
	"context"
	"iter"
	"sync"
)

// job is an item that a worker turns into a result.
type job[Item, Result any] struct {
	item   Item
	done   chan struct{} // closed when result and err are set
	result Result
	err    error
}

// ordered calls work for each item, in one goroutine per worker, and emit for each result, in the order of the items and
// in the caller's goroutine. It holds a few items per worker at a time. The first error in that order ends it, as does
// the end of ctx.
func ordered[Item, Result any](ctx context.Context, workers []*worker, items iter.Seq2[Item, error],
	work func(*worker, Item) (Result, error), emit func(Result) error) error {
	inner, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()

	open := make(chan *job[Item, Result], len(workers))    // to the workers
	queue := make(chan *job[Item, Result], 2*len(workers)) // to emit
	group.Go(func() {
		defer close(queue)
		defer close(open)
		for item, err := range items {
			j := &job[Item, Result]{item: item, done: make(chan struct{}), err: err}
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
				j.result, j.err = work(w, j.item)
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
		if err := emit(j.result); err != nil {
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
