package graph

// Op is an operation: a comparable value that holds its attributes. How it is computed is up to the device. Operands are
// activations, or gradients of activations, unless the operation is [Exact].
type Op interface {
	// Name is the same for all attributes.
	Name() string
	// OutputShapes returns the shapes of the outputs for inputs of the given shapes. It is called when the graph is built
	// and again for each batch. An output whose size only the device knows has the shape [Saved].
	OutputShapes(in []Shape) ([]Shape, error)
}

// Differentiable is an operation whose output 0 can be differentiated. Its other outputs are saved for the gradient.
type Differentiable interface {
	Op
	// HasGradient reports for each input whether it has a gradient.
	HasGradient() []bool
	// Grad adds the gradient to the graph. From the inputs, the outputs and the gradient dy of output 0 it makes the
	// gradient of each input, nil where HasGradient is false.
	Grad(b *Builder, in []*Node, out func(i int) *Node, dy *Node) []*Node
}

// Restorable is an operation whose output 0 can be computed cheaply from its other outputs.
type Restorable interface {
	Op
	// Restore returns the operation that computes output 0 again, and its inputs and outputs, given the values that this
	// operation reads and writes. It reads only parameters and outputs other than 0. op is nil if these do not suffice.
	Restore(in, out []int) (op Op, restoreIn, restoreOut []int)
}

// Exact is an operation some of whose operands are float32 whatever type activations are stored as: parameters and their
// gradients, statistics, losses.
type Exact interface {
	Op
	// Exact reports which inputs and which outputs these are; those that the lists are too short for are not.
	Exact() (in, out []bool)
}

// Copy copies its input, or adds it to its output if it accumulates: a term of a sum that could not be added in place.
type Copy struct{}

// Name implements Op.
func (Copy) Name() string { return "copy" }

// OutputShapes implements Op.
func (Copy) OutputShapes(in []Shape) ([]Shape, error) { return in[:1], nil }

// Guard sets a flag in the optimizer state if a value is not finite. The flag stays set, and operations that update
// parameters do nothing from then on, so that the parameters stay good even if the host learns of the failure late.
// Input: a scalar. Output: the flag, 0 or 1, updated in place.
type Guard struct{}

// Name implements Op.
func (Guard) Name() string { return "guard" }

// OutputShapes implements Op.
func (Guard) OutputShapes([]Shape) ([]Shape, error) { return []Shape{{}}, nil }

// Halted returns the value that holds Guard's flag, the first element of the optimizer state.
func Halted() Value { return Value{Name: "halted", Place: InState} }
