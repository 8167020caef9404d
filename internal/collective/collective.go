// Package collective connects the ranks of a training run, each of which trains a replica of the model.
//
// A [Collective] is the connection of one rank to the others. With AllReduce the ranks sum their gradients, in a fixed
// order, so that the sums have the same bits in every run, however the ranks are divided into processes. If one rank
// fails, it aborts the group, and all others get its error instead of waiting for ever. [Local] connects the ranks of one
// process, and through a [Member] those of several: the members meet at a hub in the process of rank 0.
package collective

import "errors"

// ErrExchange means that an exchange of gradients has failed. Usually the cause is that another rank has ended, which is the
// error to report.
var ErrExchange = errors.New("the exchange of gradients has failed")

// Collective is the connection of one rank to the others. All ranks must make the same calls in the same order, each from
// one goroutine at a time. Only Abort may be called at any time and by any goroutine.
type Collective interface {
	// Rank returns the number of this rank, from 0.
	Rank() int
	// Size returns the number of ranks.
	Size() int
	// Agree returns the greatest vote of all ranks, which are not negative, when all have voted.
	Agree(vote int) (int, error)
	// Gather returns what each rank gives, by rank. The result must not be changed.
	Gather(own []byte) ([][]byte, error)
	// At notes where in the training this rank is, for the messages about ranks that hang or are lost.
	At(at At)
	// Busy returns what each rank has last said in At.Busy, by rank. Only rank 0 knows it.
	Busy() []float64
	// AllReduce replaces the values by their sums over all ranks. The order of addition is fixed, and all ranks get the
	// same bits. The values must not be used until the call returns.
	AllReduce(values []float32) error
	// Reduce replaces the values of one rank by the sums over all ranks, which have the bits of AllReduce. Those of the other
	// ranks stay as they are. The values must not be used until the call returns.
	Reduce(values []float32, root int) error
	// AllGather replaces the values by those of their ranks: those from bounds[r] to bounds[r+1] are of rank r. The values
	// must not be used until the call returns.
	AllGather(values []float32, bounds []int) error
	// Abort ends the group because this rank has failed, and returns the error of the rank that failed first. All waiting
	// and later calls return that error.
	Abort(err error) error
}
