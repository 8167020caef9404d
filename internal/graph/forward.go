package graph

// Kept is an array that a forward program leaves in its state, where the host can read it.
type Kept struct {
	Name string // of the state
	Node *Node
	Add  bool // added to what the state holds, instead of replacing it
}

// State adds an array that a program reads from the state of that name, for [Builder.CompileForward]. A node that is kept
// under the same name is what the next run reads.
func (b *Builder) State(name string, shape ...int) *Node {
	n := b.leaf(name, Float32, shape)
	b.states = append(b.states, n)
	return n
}

// CompileForward returns the program that computes the outputs and nothing else: no gradients, and no guard, so that it
// changes nothing that training knows. Its parameters have the places that they have in the program of [Builder.Compile].
// The kept nodes are written to the program's state, in the order given, after what [Builder.State] has placed there.
func (b *Builder) CompileForward(outputs []*Node, kept ...Kept) (*Program, error) {
	if err := b.ready(); err != nil {
		return nil, err
	}
	c := newCompiler(b.Activations)
	c.placeLeaves(b)
	roots := append([]*Node{}, outputs...)
	for _, k := range kept {
		c.keep(k)
		roots = append(roots, k.Node)
	}
	if err := c.emit(c.order(roots, nil)); err != nil {
		return nil, err
	}
	c.setOutputs(outputs)
	c.dropUnusedInputs()
	return c.program, b.err
}

// keep gives a node its place in the state.
func (c *compiler) keep(k Kept) {
	shape := Dimensions(k.Node)
	state, found := c.program.FindState(k.Name)
	if !found {
		state = c.program.AddState(k.Name, shape.Elements())
	}
	value := c.add(Value{Name: k.Name, Shape: shape, Place: InState, Offset: state.Offset})
	c.started[value] = k.Add
	if c.typeOf(k.Node) == Float32 {
		c.into[k.Node] = value
		return
	}
	c.copies[k.Node] = append(c.copies[k.Node], value)
	if k.Add {
		c.readBack[k.Node] = value // others read the sum, as they do without a copy
	}
}
