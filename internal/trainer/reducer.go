package trainer

import (
	"uer/internal/collective"
	"uer/internal/graph"
)

// bucketSize is the number of gradients that are summed at once: enough that waiting for the other ranks costs little, few
// enough that most are summed before the backward pass ends.
func bucketSize(parameters int) int {
	const most, buckets = 25 << 20 / 4, 8
	return min(most, parameters/buckets)
}

// reducer sums the gradients of a rank with those of the other ranks, bucket by bucket, while the backward pass goes on.
// Without other ranks it is nil and has nothing to do.
type reducer struct {
	collective collective.Collective
	gradients  []float32
	buckets    []graph.Bucket // in the order in which they are complete

	next     int               // the first bucket that is not complete
	complete chan graph.Bucket // nil while no sums are being made
	result   chan error        // of the sums that were made
}

func newReducer(c collective.Collective, program *graph.Program, gradients []float32) *reducer {
	buckets := program.Buckets(bucketSize(program.ParameterSize))
	return &reducer{collective: c, gradients: gradients, buckets: buckets, result: make(chan error, 1)}
}

func (r *reducer) rank() int {
	if r == nil {
		return 0
	}
	return r.collective.Rank()
}

func (r *reducer) size() int {
	if r == nil {
		return 1
	}
	return r.collective.Size()
}

// start begins to sum the gradients of the coming run, which must call what it returns after each instruction.
func (r *reducer) start() func(instruction int) {
	if r == nil {
		return nil
	}
	r.next = 0
	r.complete = make(chan graph.Bucket, len(r.buckets))
	go r.sum(r.complete)
	return r.after
}

// after hands over the buckets that are complete. It never waits.
func (r *reducer) after(instruction int) {
	for r.next < len(r.buckets) && r.buckets[r.next].Instruction <= instruction {
		r.complete <- r.buckets[r.next]
		r.next++
	}
}

// sum runs in a goroutine of its own.
func (r *reducer) sum(complete <-chan graph.Bucket) {
	for bucket := range complete {
		if err := r.collective.AllReduce(r.gradients[bucket.Start:bucket.End]); err != nil {
			r.result <- err
			return
		}
	}
	r.result <- nil
}

// end waits for the sums, if any are being made.
func (r *reducer) end() error {
	if r == nil || r.complete == nil {
		return nil
	}
	close(r.complete)
	r.complete = nil
	return <-r.result
}

// agree waits for the sums, and for all ranks to come this far without an error. It tells whether any of them wants to
// stop.
func (r *reducer) agree(stop bool) (bool, error) {
	if r == nil {
		return stop, nil
	}
	if err := r.end(); err != nil {
		return false, err
	}
	var votes [1]float32
	if stop {
		votes[0] = 1
	}
	err := r.collective.AllReduce(votes[:])
	return votes[0] > 0, err
}
