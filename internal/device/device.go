// Package device is the boundary between a training and the machine that computes it.
//
// A [Device] trains one replica of a model. Its [Memory] holds parameters, gradients and optimizer state, and the host
// reaches them only by copies. What computes is a [graph.Program]: forward and backward pass, update, evaluation; a
// device loads each into an [Executable] and several share one memory. A run is begun, not awaited, and its outputs may
// be read late, so that a host never holds up a device that computes beside it.
//
// The package also holds what devices share: the plan of a run's memory, copies where a kernel cannot add to its output,
// counts of floating-point operations, and the profile.
package device

import "uer/internal/graph"

// Device computes programs for one replica of a model. It belongs to one goroutine at a time.
type Device interface {
	// Name says what the device is and how it computes, such as "CPU (avx512, bf16, 8 threads)".
	Name() string
	// Allocate makes memory for what a layout places, all zero.
	Allocate(graph.Layout) (Memory, error)
	// Load prepares a program to run on a memory, whose layout has what the program's has. An operation that the device
	// lacks is an error that names it.
	Load(*graph.Program, Memory) (Executable, error)
	// Close ends the device. Its memories and executables cannot be used afterwards.
	Close() error
}

// Memory holds the parameters, gradients and optimizer state of one replica.
type Memory interface {
	// Read copies elements of a flat buffer from an offset on, as the runs that were begun leave them.
	Read(p graph.Place, offset int, to []float32) error
	// Write copies elements to a flat buffer.
	Write(p graph.Place, offset int, from []float32) error
	// Sum begins to sum the gradients from start to end over all ranks. All ranks call it in the same order; the next run
	// waits for the sums. Without other ranks it does nothing.
	Sum(start, end int)
}

// Executable is a program loaded into a device.
type Executable interface {
	// Feed sets the inputs of the next run. An input of the program that is missing from the list is an error; the list may
	// hold others. The slices are the executable's until Run returns.
	Feed(Inputs) error
	// Run begins a run. An error may belong to an earlier one.
	Run(Run) error
	// Figures are the outputs of the runs that are over and were not read yet, oldest first; with wait, of all that were
	// begun. They are valid until the next call.
	Figures(wait bool) ([]Figures, error)
	// Usage tells what the program and its memory take.
	Usage() Usage
}

// Input is one input of a program: a flat array.
type Input struct {
	Name string
	Data []int32 // nil if there is none
}

// Inputs are what a batch holds for programs.
type Inputs []Input

// Find is the data of an input, nil if there is none.
func (in Inputs) Find(name string) []int32 {
	for _, input := range in {
		if input.Name == name {
			return input.Data
		}
	}
	return nil
}

// Run is what changes from one run of a program to the next.
type Run struct {
	Seed, Step uint64 // key the random numbers of dropout
	Accumulate bool   // add to the gradients of the run before instead of overwriting them
	Update     Update // of a program that updates parameters

	After   func(instruction int) // is called when an instruction of the program has been begun; nil for none
	Profile *Profile              // gathers the time of operations unless nil
}

// Update holds the scalars of one update of the parameters.
type Update struct {
	Number int     // counts the updates from 1
	Rate   float64 // the learning rate
	Scale  float64 // multiplies the gradients: one over the number of batches that they are the sum of
}

// Figures are the outputs of one run, in the order of the program.
type Figures struct{ Outputs []float64 }

// Usage is memory in bytes.
type Usage struct {
	Parameters, Gradients, State int64 // shared by all programs of a memory
	Activations                  int64 // values of a run, for the largest batch
	ActivationsUsed              int64 // of them, what the last run used
	PackedWeights                int64 // weights that layers share, in the layout of products
}
