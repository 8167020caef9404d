package graph

// Op is what an operation means. It is a comparable value that holds the operation's attributes; how it is computed is
// the device's business. Outputs are float32, unless an instruction's values say otherwise.
type Op interface {
	// Name is the same for all attributes.
	Name() string
	// OutputShapes gives the shapes of the outputs, [Saved] for state whose size is the device's. It runs when the graph is
	// built and again for each batch.
	OutputShapes(in []Shape) ([]Shape, error)
}

// Differentiable is an operation whose output 0 has a gradient. Further outputs are state saved for the gradient.
type Differentiable interface {
	Op
	// HasGradient tells for each input whether it has a gradient.
	HasGradient() []bool
	// Grad puts the gradient on the graph: from the inputs, the outputs and the gradient of output 0 it makes the gradient
	// of each input, nil where HasGradient is false.
	Grad(b *Builder, in []*Node, out func(i int) *Node, dy *Node) []*Node
}

// Restorable is an operation whose output 0 follows at little cost from what it saved.
type Restorable interface {
	Op
	// Restore gives the operation that computes output 0 again, with its inputs, from the inputs that are parameters and
	// the outputs but 0 of the first operation, and its outputs; nil if what was saved is not enough.
	Restore(in, out []int) (op Op, restoreIn, restoreOut []int)
}

// Copy is the value itself. With accumulation it adds the value to its output: that is how sums are computed whose terms
// could not be written in place.
type Copy struct{}

// Name implements Op.
func (Copy) Name() string { return "copy" }

// OutputShapes implements Op.
func (Copy) OutputShapes(in []Shape) ([]Shape, error) { return in[:1], nil }

// Guard sets a flag in the optimizer state once a value is not finite, and leaves it set: operations that update
// parameters do nothing from then on, so a host may learn late of a training that has failed.
// Input: a scalar. Output: the flag, 0 or 1, changed in place.
type Guard struct{}

// Name implements Op.
func (Guard) Name() string { return "guard" }

// OutputShapes implements Op.
func (Guard) OutputShapes([]Shape) ([]Shape, error) { return []Shape{{}}, nil }

// Halted is the value of Guard's flag, the first element of the optimizer state.
func Halted() Value { return Value{Name: "halted", Place: InState} }
