// Package graph builds models as graphs of operations and compiles them to programs that any device can load.
//
// A [Builder] puts inputs, parameters and operations ([Op]) on a graph. [Builder.Compile] differentiates the loss and
// returns a [Program]: a list of [Instruction]s on [Value]s, each stored at some [Place]. Its [Layout] places parameters,
// gradients and optimizer state in flat buffers. An [Assembler] builds programs that need no gradients, such as updates.
//
// The graph and its differentiation are Gorgonia's. No other package imports Gorgonia, and a Program holds no reference to
// it.
package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	// Gorgonia's tensors check the runtime with this package at start; an older version of it refuses current Go.
	_ "go4.org/unsafe/assume-no-moving-gc"
)

// Node is a value on the graph.
type Node = gorgonia.Node

// Builder puts inputs, parameters and operations on a graph. It keeps the first error, as bufio.Writer does: from then on
// Apply returns nil nodes, and Compile returns the error. A Builder must not be used by several goroutines at once.
type Builder struct {
	Recompute   bool // recompute the activations inside blocks in the backward pass, to save memory
	Activations Type // how they are stored: Float32 or BFloat16

	graph      *gorgonia.ExprGraph
	inputs     []*Node
	parameters []*Node
	states     []*Node // that a program reads
	byName     map[string]*Node
	aliases    map[string]string // from further names of parameters to their first names
	frozen     map[*Node]bool
	outputs    []*Node   // after Compile: the loss and the other outputs
	gradients  []*Node   // after Compile: one for each parameter, nil if it is frozen
	evaluator  Evaluator // while Interpret runs
	operations int
	blocks     []block
	sites      int
	err        error
}

// NewBuilder makes an empty graph.
func NewBuilder() *Builder {
	return &Builder{graph: gorgonia.NewGraph(), byName: map[string]*Node{}, aliases: map[string]string{}, frozen: map[*Node]bool{}}
}

// Err returns the first error.
func (b *Builder) Err() error { return b.err }

// Fail records an error, unless there was one before.
func (b *Builder) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Site returns a new number for a place of the model that draws random numbers, such as a dropout. Sites are numbered in
// the order of construction.
func (b *Builder) Site() int {
	b.sites++
	return b.sites
}

// Input adds a value that is fed before each run. Its shape is the largest that will be fed.
func (b *Builder) Input(name string, t Type, shape ...int) *Node {
	n := b.leaf(name, t, shape)
	b.inputs = append(b.inputs, n)
	return n
}

// Parameter adds a float32 tensor that is trained. If the name is an alias of another parameter, Parameter returns that
// one; otherwise the name must be new.
func (b *Builder) Parameter(name string, shape ...int) *Node {
	if first, shared := b.aliases[name]; shared {
		n := b.byName[first]
		if !slices.Equal(Dimensions(n), shape) {
			b.Fail(fmt.Errorf("%s of shape %v cannot be shared with %s of shape %v", name, Shape(shape), first, Dimensions(n)))
		}
		return n
	}
	if b.byName[name] != nil {
		b.Fail(fmt.Errorf("parameter %s is declared twice", name))
		return nil
	}
	n := b.leaf(name, Float32, shape)
	b.parameters = append(b.parameters, n)
	return n
}

// Frozen adds a tensor that is stored with the parameters but not trained.
func (b *Builder) Frozen(name string, shape ...int) *Node {
	n := b.Parameter(name, shape...)
	b.frozen[n] = true
	return n
}

// Alias gives a parameter another name, for weights that several modules share.
func (b *Builder) Alias(name string, parameter *Node) *Node {
	if parameter != nil {
		b.aliases[name] = parameter.Name()
	}
	return parameter
}

func (b *Builder) leaf(name string, t Type, shape Shape) *Node {
	options := []gorgonia.NodeConsOpt{gorgonia.WithName(name), gorgonia.WithShape(shape...)}
	n := gorgonia.NewTensor(b.graph, dtype(t), len(shape), options...)
	b.byName[name] = n
	return n
}

// Apply adds an operation and returns its output 0.
func (b *Builder) Apply(op Op, in ...*Node) *Node { return b.apply(op, in).out(0) }

// ApplyAll adds an operation and returns all its outputs.
func (b *Builder) ApplyAll(op Op, in ...*Node) []*Node {
	o := b.apply(op, in)
	if o == nil {
		return nil
	}
	outs := make([]*Node, len(o.outs))
	for i := range outs {
		outs[i] = o.out(i)
	}
	return outs
}

func (b *Builder) apply(op Op, in []*Node) *operation {
	if b.err != nil {
		return nil
	}
	o := &operation{Op: op, builder: b, number: b.operations, projections: map[int]*Node{}}
	b.operations++
	for i, n := range in {
		if n == nil {
			b.Fail(fmt.Errorf("%s: input %d is missing", op.Name(), i))
			return nil
		}
		o.in = append(o.in, Shape(n.Shape()))
		o.inTypes = append(o.inTypes, n.Type())
	}
	outs, err := op.OutputShapes(o.in)
	if err != nil {
		b.Fail(fmt.Errorf("%s: %w", op.Name(), err))
		return nil
	}
	o.outs = outs
	if o.node, err = gorgonia.ApplyOp(o, in...); err != nil {
		b.Fail(fmt.Errorf("%s: %w", op.Name(), err))
		return nil
	}
	if o.node.Op() != gorgonia.Op(o) {
		b.Fail(fmt.Errorf("%s: Gorgonia merged operation %d with another one", op.Name(), o.number))
		return nil
	}
	return o
}

// IsOne reports whether a node is the constant 1, which is the gradient of the loss itself.
func IsOne(n *Node) bool {
	if n == nil || n.Value() == nil {
		return false
	}
	one, isFloat := n.Value().Data().(float32)
	return isFloat && one == 1 && len(children(n)) == 0
}

// Dimensions returns the shape of a node, nil if the node is nil.
func Dimensions(n *Node) Shape {
	if n == nil {
		return nil
	}
	return Shape(n.Shape())
}

func dtype(t Type) tensor.Dtype {
	if t == Int32 {
		return tensor.Int32
	}
	return tensor.Float32
}

// children returns the inputs of a node, in order.
func children(n *Node) []*Node {
	var list []*Node
	for it := n.Graph().From(n.ID()); it.Next(); {
		list = append(list, it.Node().(*Node))
	}
	return list
}
