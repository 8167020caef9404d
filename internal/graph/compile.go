package graph

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Compile differentiates the loss with respect to all trained parameters and returns the program that computes the outputs
// and the gradients. The loss is the first output of the program.
func (b *Builder) Compile(loss *Node, outputs ...*Node) (*Program, error) {
	if err := b.ready(); err != nil {
		return nil, err
	}
	backward := b.operations // the number of the first operation of the backward pass
	gradients, err := b.differentiate(loss)
	if err != nil {
		return nil, err
	}
	c := newCompiler(b.Activations)
	c.placeLeaves(b)
	roots := append([]*Node{loss}, outputs...)
	b.outputs, b.gradients = roots, gradients
	nodes := c.order(roots, gradients)
	c.placeSums(nodes, gradients)
	if err := c.emit(nodes); err != nil {
		return nil, err
	}
	c.setOutputs(roots)
	if b.Recompute {
		c.recompute(b.blocks, backward)
	}
	c.emitGuard(c.value[loss])
	c.dropUnusedInputs()
	return c.program, b.err
}

// ready returns an error if there is nothing to compile.
func (b *Builder) ready() error {
	if b.err == nil && len(b.parameters) == 0 {
		return errors.New("the graph has no parameters")
	}
	return b.err
}

// differentiate returns the gradient of the loss for each parameter, nil for those that are not trained.
func (b *Builder) differentiate(loss *Node) ([]*Node, error) {
	var trained []*Node
	for _, n := range b.parameters {
		if !b.frozen[n] {
			trained = append(trained, n)
		}
	}
	computed, err := gorgonia.Grad(loss, trained...)
	if b.err != nil {
		return nil, b.err
	}
	if err != nil {
		return nil, fmt.Errorf("differentiating the graph: %w", err)
	}
	gradients := make([]*Node, len(b.parameters))
	for i, n := range b.parameters {
		if !b.frozen[n] {
			gradients[i], computed = computed[0], computed[1:]
		}
	}
	return gradients, nil
}

// compiler turns the nodes of a graph into instructions.
type compiler struct {
	program     *Program
	activations Type                 // how they are stored
	value       map[*Node]int        // the value of a node
	outs        map[*operation][]int // the values of an operation's outputs
	uses        map[*Node]int        // how often a node is read
	into        map[*Node]int        // the sum or gradient that a node's result is added to in place
	copies      map[*Node][]int      // the values that a node's result is also copied to
	readBack    map[*Node]int        // the one of them that is read in place of the result
	numbers     []int                // the operation of each instruction, None for a copy
	started     []bool               // for each value, whether a term was written to it: the next ones are added
	retyped     map[int]int          // from a value to its copy of another type
}

func newCompiler(activations Type) *compiler {
	return &compiler{
		program: &Program{Layout: NewLayout(), Inputs: map[string]int{}}, activations: activations,
		value:    map[*Node]int{},
		outs:     map[*operation][]int{},
		uses:     map[*Node]int{},
		into:     map[*Node]int{},
		copies:   map[*Node][]int{},
		readBack: map[*Node]int{},
		retyped:  map[int]int{},
	}
}

func (c *compiler) add(v Value) int {
	c.program.Values = append(c.program.Values, v)
	c.started = append(c.started, false)
	return len(c.program.Values) - 1
}

func (c *compiler) placeLeaves(b *Builder) {
	p := c.program
	for _, n := range b.inputs {
		t := Float32
		if n.Dtype() == tensor.Int32 {
			t = Int32
		}
		c.value[n] = c.add(Value{Name: n.Name(), Type: t, Shape: Shape(n.Shape()), Place: InInput})
		p.Inputs[n.Name()] = c.value[n]
	}
	for _, n := range b.parameters {
		parameter := Parameter{Name: n.Name(), Shape: Shape(n.Shape()), Frozen: b.frozen[n]}
		for alias, name := range b.aliases {
			if name == n.Name() {
				parameter.Aliases = append(parameter.Aliases, alias)
			}
		}
		slices.Sort(parameter.Aliases)
		p.AddParameter(parameter)
		parameter = p.Parameters[len(p.Parameters)-1]
		c.value[n] = c.add(Value{Name: n.Name(), Shape: parameter.Shape, Place: InParameters, Offset: parameter.Offset})
	}
	for _, n := range b.states {
		state := p.AddState(n.Name(), Dimensions(n).Elements())
		c.value[n] = c.add(Value{Name: n.Name(), Shape: Dimensions(n), Place: InState, Offset: state.Offset})
	}
}

// order returns the nodes that the outputs and gradients depend on, in the order in which they were put on the graph. So
// operands come before operations, and the backward pass goes back from the end of the forward pass, which frees saved
// values early.
func (c *compiler) order(roots, gradients []*Node) []*Node {
	var nodes []*Node
	seen := map[*Node]bool{}
	var need func(n *Node)
	need = func(n *Node) {
		c.uses[n]++
		if seen[n] {
			return
		}
		seen[n] = true
		nodes = append(nodes, n)
		for _, child := range children(n) {
			need(child)
		}
	}
	for _, n := range slices.Concat(roots, gradients) {
		if n != nil {
			need(n)
		}
	}
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].ID() < nodes[j].ID() })
	return nodes
}

// placeSums gives the gradient of each parameter its place in the flat buffer, and each sum a value to which its terms are
// added one after another.
func (c *compiler) placeSums(nodes, gradients []*Node) {
	for i, n := range gradients {
		if n == nil {
			continue
		}
		parameter := c.program.Parameters[i]
		gradient := c.add(Value{Shape: parameter.Shape, Place: InGradients, Offset: parameter.Offset})
		if c.uses[n] == 1 && isComputed(n) && c.typeOf(n) == Float32 {
			c.into[n] = gradient
		} else {
			c.copies[n] = append(c.copies[n], gradient)
		}
	}
	for _, n := range slices.Backward(nodes) {
		if !isSum(n) {
			continue
		}
		sum, ok := c.into[n]
		if !ok {
			sum = c.add(Value{Type: c.typeOf(n), Shape: Shape(n.Shape()), Place: InArena})
			c.into[n] = sum
		}
		c.value[n] = sum
		for _, term := range children(n) {
			// A term with other readers, or of another type, keeps a value of its own, which a copy adds to the sum.
			_, taken := c.into[term]
			if c.uses[term] == 1 && !taken && isComputed(term) && c.typeOf(term) == c.program.Values[sum].Type {
				c.into[term] = sum
			}
		}
	}
}

// emit writes the instructions in order.
func (c *compiler) emit(nodes []*Node) error {
	for _, n := range nodes {
		switch o := n.Op().(type) {
		case nil: // an input or a parameter
			if _, placed := c.value[n]; !placed {
				return fmt.Errorf("node %s is neither an input nor a parameter", n.Name())
			}
		case *operation:
			c.emitOperation(n, o)
		case *projection:
			if v := c.outs[o.of][o.index]; v != None {
				c.value[n] = v
			}
		default:
			if err := c.emitOther(n); err != nil {
				return err
			}
		}
		for _, to := range c.copies[n] {
			c.emitCopy(c.value[n], to)
		}
		if sum, ok := c.readBack[n]; ok {
			c.value[n] = sum
		}
	}
	return nil
}

// emitCopy adds one value to another, or copies it if the other has no terms yet.
func (c *compiler) emitCopy(from, to int) {
	c.program.Instructions = append(c.program.Instructions, Instruction{
		Op: Copy{}, In: []int{from}, Out: []int{to}, Accumulate: []bool{c.started[to]},
	})
	c.numbers = append(c.numbers, None)
	c.started[to] = true
}

func (c *compiler) emitOperation(n *Node, o *operation) {
	instruction := Instruction{Op: o.Op, Out: make([]int, len(o.outs)), Accumulate: make([]bool, len(o.outs))}
	for i, child := range children(n) {
		instruction.In = append(instruction.In, c.read(c.value[child], c.typeOfInput(o, i)))
	}
	for i, shape := range o.outs {
		result := n
		if o.isTuple() {
			result = o.projections[i]
		}
		switch sum, isTerm := c.into[result]; {
		case result == nil || c.uses[result] == 0:
			instruction.Out[i] = None
		case isTerm && slices.Contains(instruction.Out[:i], sum):
			// Two outputs of one operation cannot share memory: a copy adds this one later.
			delete(c.into, result)
			instruction.Out[i] = c.add(Value{Type: c.typeOfOutput(o, i), Shape: shape, Place: InArena})
		case isTerm:
			instruction.Out[i] = sum
			instruction.Accumulate[i] = c.started[sum]
			c.started[sum] = true
		default:
			instruction.Out[i] = c.add(Value{Type: c.typeOfOutput(o, i), Shape: shape, Place: InArena})
		}
	}
	c.outs[o] = instruction.Out
	if !o.isTuple() {
		c.value[n] = instruction.Out[0]
	}
	c.program.Instructions = append(c.program.Instructions, instruction)
	c.numbers = append(c.numbers, o.number)
}

// emitOther handles the nodes that Gorgonia's Grad adds: the constant 1 and sums. Terms that were not added to their sum in
// place are added here.
func (c *compiler) emitOther(n *Node) error {
	switch {
	case n.Value() != nil && len(children(n)) == 0:
		constant, ok := n.Value().Data().(float32)
		if !ok {
			return fmt.Errorf("constant %v is not a float32 scalar", n)
		}
		c.value[n] = c.add(Value{Place: InConstant, Constant: constant})
	case isSum(n):
		sum := c.into[n]
		for _, term := range children(n) {
			if into, isTerm := c.into[term]; !isTerm || into != sum {
				c.emitCopy(c.value[term], sum)
			}
		}
	default:
		return fmt.Errorf("no instruction for Gorgonia's operation %v", n.Op())
	}
	return nil
}

// setOutputs makes the values of nodes the outputs of the program.
func (c *compiler) setOutputs(nodes []*Node) {
	for _, n := range nodes {
		c.program.Outputs = append(c.program.Outputs, c.value[n])
	}
}

// emitGuard makes a loss that is not finite stop all later updates.
func (c *compiler) emitGuard(loss int) {
	halted := c.add(Halted())
	c.program.Instructions = append(c.program.Instructions, Instruction{
		Op: Guard{}, In: []int{loss}, Out: []int{halted}, Accumulate: []bool{false},
	})
}

// dropUnusedInputs removes inputs that no instruction reads, so that nobody has to feed them.
func (c *compiler) dropUnusedInputs() {
	read := make([]bool, len(c.program.Values))
	for _, instruction := range c.program.Instructions {
		for _, v := range instruction.In {
			read[v] = true
		}
	}
	maps.DeleteFunc(c.program.Inputs, func(_ string, v int) bool { return !read[v] })
}

func isComputed(n *Node) bool {
	switch n.Op().(type) {
	case *operation, *projection:
		return true
	}
	return isSum(n)
}

// gorgoniaAdd is the operation with which Grad sums gradients. Gorgonia does not export its type.
var gorgoniaAdd = func() gorgonia.Op {
	g := gorgonia.NewGraph()
	x := gorgonia.NewMatrix(g, tensor.Float32, gorgonia.WithShape(2, 2), gorgonia.WithName("x"))
	y := gorgonia.NewMatrix(g, tensor.Float32, gorgonia.WithShape(2, 2), gorgonia.WithName("y"))
	return gorgonia.Must(gorgonia.Add(x, y)).Op()
}()

func isSum(n *Node) bool {
	o := n.Op()
	return o != nil && reflect.TypeOf(o) == reflect.TypeOf(gorgoniaAdd) && o.String() == gorgoniaAdd.String()
}
