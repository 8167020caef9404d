// Package device is the boundary between training and the machine that computes it.
//
// A [Device] trains one replica of a model. Its [Memory] holds the parameters, the gradients and the optimizer state, which
// the host accesses only by copying. Everything that is computed is a [graph.Program]: forward and backward pass, update,
// evaluation. The device loads each program as an [Executable]; several of them share one memory. Run starts a run without
// waiting for it, and its outputs may be read later, so that the host does not hold up an asynchronous device.
//
// The package also has what devices share: the [Table] of their kernels, the [Shapes] of a run's values, the plan of its
// memory ([PlanArena]), copies for kernels that cannot add to their outputs ([WithCopies]), the outputs that have not been
// read ([Results]), the number of floating-point operations ([FLOPs]) and the [Profile].
package device

import (
	"fmt"
	"time"

	"uer/internal/console"
	"uer/internal/graph"
	"uer/internal/random"
)

// Device runs programs for one replica of a model. It must not be used by several goroutines at once.
type Device interface {
	// Name describes the device and how it computes, for example "CPU (avx512, bf16, 8 threads)".
	Name() string
	// Activations returns how the device stores them. Programs must be compiled for it.
	Activations() graph.Type
	// Allocate returns memory for a layout, filled with zeros.
	Allocate(graph.Layout) (Memory, error)
	// Load prepares a program to run on a memory whose layout includes that of the program. If the device lacks an
	// operation, the error names it.
	Load(*graph.Program, Memory) (Executable, error)
	// Limits measures what the device reaches at most. It takes memory for the moment.
	Limits() (Limits, error)
	// Close releases the device. Its memories and executables must not be used afterwards.
	Close() error
}

// Memory holds the parameters, gradients and optimizer state of one replica.
type Memory interface {
	// Read copies elements of a flat buffer, from an offset on, as they are after all runs begun so far.
	Read(p graph.Place, offset int, to []float32) error
	// Write copies elements to a flat buffer, from an offset on.
	Write(p graph.Place, offset int, from []float32) error
	// Sum begins to sum the gradients from start to end over all ranks, which must call it in the same order. The next run
	// waits for the sums. Unless shares is nil, each rank gets only those that [Pieces] gives it, and has any values elsewhere.
	// With a single rank it does nothing.
	Sum(start, end int, shares []int)
	// Share begins to copy the parameters of each rank to all others: those from bounds[r] to bounds[r+1] are of rank r. The
	// next run waits for them. With a single rank it does nothing.
	Share(bounds []int)
	// Fetch copies elements of a flat buffer of one of the ranks to all, as they are there after all runs begun so far. All
	// ranks must call it together, for as many elements; the offset is that of the rank that has them.
	Fetch(rank int, p graph.Place, offset int, to []float32) error
}

// Executable is a program loaded by a device.
type Executable interface {
	// Feed sets the inputs of the next run. It is an error if one of the program's inputs is missing; others are ignored.
	// The slices must not change until Run returns.
	Feed(Inputs) error
	// Run begins a run. The error may be that of an earlier one.
	Run(Run) error
	// Figures returns the outputs of the runs that have ended since the last call, oldest first. With wait, it waits for
	// all runs begun so far. The result is valid until the next call.
	Figures(wait bool) ([]Figures, error)
	// Usage returns how much memory the program and its Memory take.
	Usage() Usage
}

// Input is one input of a program, a flat array.
type Input struct {
	Name string
	Data []int32 // nil if the batch has none
}

// Inputs are the inputs that a batch has for programs.
type Inputs []Input

// Find returns the data of an input, nil if there is none.
func (in Inputs) Find(name string) []int32 {
	for _, input := range in {
		if input.Name == name {
			return input.Data
		}
	}
	return nil
}

// Run holds what changes from one run of a program to the next.
type Run struct {
	Seed, Step uint64 // determine the random numbers of dropout
	Accumulate bool   // add to the gradients of the previous run instead of overwriting them
	Update     Update // for programs that update parameters

	After   func(instruction int) // unless nil, called after each instruction of the program was begun
	Profile *Profile              // unless nil, records the time of operations
}

// DropoutKey keys the random numbers of one place of the model in this run. Devices draw the same ones.
func (r *Run) DropoutKey(site int) uint64 {
	return random.Mix(random.Mix(random.Mix(r.Seed)+r.Step) + uint64(site))
}

// Update holds the scalars of one update of the parameters.
type Update struct {
	Number int     // of the update, from 1
	Rate   float64 // the learning rate
	Scale  float64 // multiplies the gradients: 1 over the number of batches that they are summed over
}

// Figures are what is known of a run that has ended.
type Figures struct {
	Outputs []float64     // in the order of the program's outputs
	Took    time.Duration // to compute it
	FLOPs   int64         // of its matrix products; recomputed ones do not count. 0 of a device without Limits
}

// MemoryError means that a device lacks the memory for a program.
type MemoryError struct {
	What         string
	Needed, Free int64 // bytes
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("%s need %s of memory, and %s are free", e.What, console.Bytes(e.Needed), console.Bytes(e.Free))
}

// Usage is memory in bytes.
type Usage struct {
	Parameters, Gradients, State int64 // shared by all programs on a memory; with the copies of parameters for products
	Activations                  int64 // the values of a run, for the largest batch
	ActivationsUsed              int64 // the part of them that the last run used
	PackedWeights                int64 // copies of shared weights, in the layout that matrix products read
	Inputs                       int64 // batches on the device, its constants and the outputs
	Scratch                      int64 // what operations need while they run, at most; all programs on a device share it
}
