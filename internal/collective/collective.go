// Package collective lets the ranks of one training, each with a replica of the model, add up what they have computed.
package collective

// Collective is the connection of one rank to the others. All ranks make the same calls in the same order, each from one
// goroutine at a time; only Abort may be called at any time and by any goroutine.
type Collective interface {
	// Rank is the number of this rank, from 0.
	Rank() int
	// Size is the number of ranks.
	Size() int
	// AllReduce replaces the values by their sums over all ranks, added in an order that does not change from one run to
	// the next. All ranks get the same bits. The values belong to the collective until the call returns.
	AllReduce(values []float32) error
	// Barrier returns when all ranks have called it.
	Barrier() error
	// Abort ends the group because this rank has failed, and returns the error of the rank that failed first. All calls
	// that wait or come later return that error.
	Abort(err error) error
}
