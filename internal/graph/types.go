package graph

// ExactOperands reports which operands of an operation are float32 whatever type activations have.
func ExactOperands(o Op) (in, out []bool) {
	if e, ok := o.(Exact); ok {
		return e.Exact()
	}
	return nil, nil
}

// TypeOfOperand returns how operand i is stored: as activations are, unless it is exact or a scalar.
func TypeOfOperand(activations Type, exact []bool, i int, s Shape) Type {
	if i < len(exact) && exact[i] || len(s) == 0 {
		return Float32
	}
	return activations
}

// typeOfInput returns how an operation reads an input, unless that is an array of integers.
func (c *compiler) typeOfInput(o *operation, i int) Type {
	exact, _ := ExactOperands(o.Op)
	return TypeOfOperand(c.activations, exact, i, o.in[i])
}

// typeOfOutput returns how an output of an operation is stored.
func (c *compiler) typeOfOutput(o *operation, i int) Type {
	_, exact := ExactOperands(o.Op)
	return TypeOfOperand(c.activations, exact, i, o.outs[i])
}

// typeOf returns how the result of a node is stored. A sum has the type of its terms, Float32 if these differ.
func (c *compiler) typeOf(n *Node) Type {
	switch o := n.Op().(type) {
	case *operation:
		return c.typeOfOutput(o, 0)
	case *projection:
		return c.typeOfOutput(o.of, o.index)
	}
	if !isSum(n) {
		return Float32
	}
	for _, term := range children(n) {
		if c.typeOf(term) == Float32 {
			return Float32
		}
	}
	return c.activations
}

// read returns a value as an operation reads it: itself, or a copy if it has another type.
func (c *compiler) read(v int, t Type) int {
	value := c.program.Values[v]
	if value.Type == t || value.Type == Int32 {
		return v
	}
	if _, made := c.retyped[v]; !made {
		c.retyped[v] = c.add(Value{Type: t, Shape: value.Shape, Place: InArena})
		c.emitCopy(v, c.retyped[v])
	}
	return c.retyped[v]
}
