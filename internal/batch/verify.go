package batch

import (
	"fmt"
	"time"

	"uer/internal/dataset"
)

// patience is how long the first batch waits for the verification of the dataset, so that damage is found before anything
// is trained, unless the dataset is large.
const patience = 5 * time.Second

// verification reads a whole dataset while the training goes on, so that damage does not wait for its turn.
type verification struct {
	stop   <-chan struct{}
	done   chan struct{} // closed when it has ended
	err    error         // what is wrong, once done is closed
	waited bool
}

// verify begins to read all instances.
func verify(d *dataset.Dataset, o Options, stop <-chan struct{}) (*verification, error) {
	a, err := newAssembler(d, o)
	if err != nil {
		return nil, err
	}
	v := &verification{stop: stop, done: make(chan struct{})}
	go v.run(a)
	return v, nil
}

func (v *verification) run(a *assembler) {
	defer close(v.done)
	for i := range a.dataset.Len() {
		select {
		case <-v.stop:
			return
		default:
		}
		if err := a.read(i); err != nil {
			v.err = fmt.Errorf("verifying the dataset: %w", err)
			return
		}
	}
}

// damage returns what has been found so far. The first call waits for a while.
func (v *verification) damage() error {
	if v == nil {
		return nil
	}
	wait := time.Duration(0)
	if !v.waited {
		v.waited, wait = true, patience
	}
	select {
	case <-v.done:
		return v.err
	default:
	}
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-v.done:
		return v.err
	case <-timer.C:
		return nil
	}
}

// close waits for the end of the reading.
func (v *verification) close() {
	if v != nil {
		<-v.done
	}
}
