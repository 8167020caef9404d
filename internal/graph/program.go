package graph

import "fmt"

// Place tells where a value of a program lives.
type Place uint8

// The places of values.
const (
	InArena      Place = iota // memory of one run, planned by the device that loads the program
	InInput                   // fed before each run
	InParameters              // at Offset of the parameters
	InGradients               // at Offset of the gradients, which have the layout of the parameters
	InState                   // at Offset of what an optimizer keeps from update to update
	InConstant                // a scalar known when the graph was built
)

// String names the place, for messages.
func (p Place) String() string {
	return [...]string{"arena", "inputs", "parameters", "gradients", "optimizer state", "constants"}[p]
}

// Value is a buffer of a program.
type Value struct {
	Name     string // of an input or parameter
	Type     Type
	Shape    Shape // the largest that it can have; Saved if the device decides
	Place    Place
	Offset   int // in elements of a flat buffer
	Constant float32
}

// Instruction runs one operation.
type Instruction struct {
	Op         Op
	In         []int  // values
	Out        []int  // values; None for an output that nobody reads
	Accumulate []bool // for each output, whether to add to it instead of overwriting it
	Recomputed bool   // repeats a forward instruction whose results were not kept
}

// None stands for an output that nobody reads.
const None = -1

// Program is a compiled graph. It holds no reference to Gorgonia and is safe for concurrent use.
type Program struct {
	Layout

	Values       []Value
	Instructions []Instruction
	Inputs       map[string]int // the values that have to be fed, by name
	Outputs      []int          // scalars that the host reads after a run
}

// Layout places what stays in memory from run to run: parameters, gradients and optimizer state, each in a flat buffer.
// Several programs work on one memory.
type Layout struct {
	Parameters    []Parameter
	ParameterSize int // elements of the parameters, and of their gradients
	State         []State
	StateSize     int // elements of the optimizer state
}

// Parameter is the place of a parameter in the flat buffers of parameters and gradients.
type Parameter struct {
	Name    string
	Aliases []string // further names, for weights that modules share
	Shape   Shape
	Offset  int
	Frozen  bool // not trained
}

// State is the place of one part of the optimizer state.
type State struct {
	Name         string
	Offset, Size int
}

// NewLayout is a layout that holds nothing but the flag of [Guard].
func NewLayout() Layout {
	l := Layout{}
	l.AddState("halted", 1)
	return l
}

// AddParameter places a parameter behind those that are there.
func (l *Layout) AddParameter(p Parameter) {
	p.Offset = l.ParameterSize
	l.Parameters = append(l.Parameters, p)
	l.ParameterSize += align(p.Shape.Elements())
}

// AddState places size elements of state behind what is there, and returns where.
func (l *Layout) AddState(name string, size int) State {
	s := State{Name: name, Offset: l.StateSize, Size: size}
	// A layout is copied, and each copy may grow.
	l.State = append(l.State[:len(l.State):len(l.State)], s)
	l.StateSize += align(size)
	return s
}

// Size is the number of elements of a flat buffer.
func (l *Layout) Size(p Place) (int, error) {
	switch p {
	case InParameters, InGradients:
		return l.ParameterSize, nil
	case InState:
		return l.StateSize, nil
	}
	return 0, fmt.Errorf("the %v are not a flat buffer", p)
}

// Trained is the number of elements of all parameters that are trained.
func (l *Layout) Trained() int {
	n := 0
	for _, parameter := range l.Parameters {
		if !parameter.Frozen {
			n += parameter.Shape.Elements()
		}
	}
	return n
}

// alignment of what lies in a flat buffer, in elements: a cache line.
const alignment = 16

func align(n int) int { return (n + alignment - 1) &^ (alignment - 1) }
