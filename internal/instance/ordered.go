package instance

import (
	"context"
	"iter"
	"sync"
)

// task is an item that a worker turns into a result.
type task[Item, Result any] struct {
	item   Item
	done   chan struct{} // closed when result and err are there
	result Result
	err    error
}

// ordered calls work for each item in one goroutine a worker, and emit for each result, in the order of the items, in
// this one. It holds a few items a worker at a time. The first error in that order ends it, as does the end of ctx.
func ordered[Item, Result any](ctx context.Context, workers []*worker, items iter.Seq2[Item, error],
	work func(*worker, Item) (Result, error), emit func(Result) error) error {
	inner, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()

	open := make(chan *task[Item, Result], len(workers))    // to the workers
	queue := make(chan *task[Item, Result], 2*len(workers)) // to emit
	group.Go(func() {
		defer close(queue)
		defer close(open)
		for item, err := range items {
			t := &task[Item, Result]{item: item, done: make(chan struct{}), err: err}
			if err != nil {
				close(t.done)
			} else if !send(inner, open, t) {
				return
			}
			if !send(inner, queue, t) || err != nil {
				return
			}
		}
	})
	for _, w := range workers {
		group.Go(func() {
			for t := range open {
				t.result, t.err = work(w, t.item)
				close(t.done)
			}
		})
	}
	for t := range queue {
		select {
		case <-t.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if t.err != nil {
			return t.err
		}
		if err := emit(t.result); err != nil {
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
