package graph

// Place is where a value of a program is stored.
type Place uint8

// The places of values.
const (
	InArena      Place = iota // memory of one run, planned by the device that loads the program
	InInput                   // fed before each run
	InParameters              // at Offset of the parameters
	InGradients               // at Offset of the gradients, which have the layout of the parameters
	InState                   // at Offset of the optimizer state, which is kept from update to update
	InConstant                // a scalar known when the graph is built
)

// String names the place, for messages.
func (p Place) String() string {
	return [...]string{"arena", "inputs", "parameters", "gradients", "optimizer state", "constants"}[p]
}

// Value is an array that a program reads or writes.
type Value struct {
	Name     string // of an input or parameter
	Type     Type
	Shape    Shape // the largest; Saved if the device decides
	Place    Place
	Offset   int // in elements of a flat buffer
	Constant float32
}

// Instruction runs one operation.
type Instruction struct {
	Op         Op
	In         []int  // indices of values
	Out        []int  // indices of values; None for an output that nothing reads
	Accumulate []bool // for each output, whether to add to it instead of overwriting it
	Recomputed bool   // repeats a forward instruction whose results were not kept
}

// Reads reports whether an instruction reads the parameter of that name.
func (p *Program) Reads(name string) bool {
	for _, instruction := range p.Instructions {
		for _, v := range instruction.In {
			if value := p.Values[v]; value.Place == InParameters && value.Name == name {
				return true
			}
		}
	}
	return false
}

// None stands for an output that nothing reads.
const None = -1

// Program is a compiled graph. It holds no reference to Gorgonia and is safe for concurrent use.
type Program struct {
	Layout

	Values       []Value
	Instructions []Instruction
	Inputs       map[string]int // the values that must be fed, by name
	Outputs      []int          // the values, all scalars, that the host reads after a run
}

// Layout places what is kept from run to run, each in a flat buffer: parameters, gradients and optimizer state. Several
// programs may work on one memory.
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

// NewLayout returns a layout that holds only the flag of [Guard].
func NewLayout() Layout {
	l := Layout{}
	l.AddState("halted", 1)
	return l
}

// AddParameter places a parameter after the others.
func (l *Layout) AddParameter(p Parameter) {
	p.Offset = l.ParameterSize
	l.Parameters = append(l.Parameters, p)
	l.ParameterSize += align(p.Shape.Elements())
}

// AddState places size elements of state after the others and returns their place.
func (l *Layout) AddState(name string, size int) State {
	s := State{Name: name, Offset: l.StateSize, Size: size}
	// Copies of a layout share the list, so appending must not write to its array.
	l.State = append(l.State[:len(l.State):len(l.State)], s)
	l.StateSize += align(size)
	return s
}

// FindState returns the place of a part of the state, and whether there is one of that name.
func (l *Layout) FindState(name string) (State, bool) {
	for _, s := range l.State {
		if s.Name == name {
			return s, true
		}
	}
	return State{}, false
}

// Trained returns the number of elements of all trained parameters.
func (l *Layout) Trained() int {
	n := 0
	for _, parameter := range l.Parameters {
		if !parameter.Frozen {
			n += parameter.Shape.Elements()
		}
	}
	return n
}

// Alignment is what the offset of each parameter and state in a flat buffer is a multiple of, in elements: a cache line.
const Alignment = 16

func align(n int) int { return (n + Alignment - 1) &^ (Alignment - 1) }
