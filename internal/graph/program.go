package graph

// Place tells where a value of a program lives.
type Place uint8

// The places of values.
const (
	InArena      Place = iota // at Offset of the arena, float32
	InInput                   // fed before each run
	InParameters              // at Offset of the parameters
	InGradients               // at Offset of the gradients, which have the layout of the parameters
	InConstant                // a scalar known when the graph was built
)

// Value is a buffer of a program.
type Value struct {
	Name     string // of an input or parameter
	Type     Type
	Shape    Shape // the largest it can have
	Place    Place
	Offset   int // in elements
	Constant float32
}

// Instruction runs one operation.
type Instruction struct {
	Op         Op
	In         []int  // values
	Out        []int  // values; None for an output that nobody reads
	Accumulate []bool // for each output, whether to add to it instead of overwriting it
	Recomputed bool   // what an earlier instruction has computed and was not kept
}

// None stands for an output that nobody reads.
const None = -1

// Parameter is the place of a parameter in the flat buffers of parameters, gradients and moments.
type Parameter struct {
	Name    string
	Aliases []string // further names, for weights that modules share
	Shape   Shape
	Offset  int
	Frozen  bool // not trained
}

// Program is a compiled graph. It holds no reference to Gorgonia and is safe for concurrent use.
type Program struct {
	Values        []Value
	Instructions  []Instruction
	Parameters    []Parameter
	Inputs        map[string]int // values by name
	Outputs       []int          // values of the outputs that Compile was given
	ParameterSize int            // elements of the flat buffers
	ArenaSize     int            // elements of the arena
	Unshared      int            // elements that the arena would have if no two values shared memory
}

// Trained is the number of elements of all parameters that are trained.
func (p *Program) Trained() int {
	n := 0
	for _, parameter := range p.Parameters {
		if !parameter.Frozen {
			n += parameter.Shape.Elements()
		}
	}
	return n
}

// alignment of values in the arena and in the flat buffers, in elements: a cache line.
const alignment = 16

func align(n int) int { return (n + alignment - 1) &^ (alignment - 1) }
