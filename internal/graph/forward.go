package graph

import (
	"maps"
	"slices"
)

// CompileForward returns the program that computes the outputs and nothing else: no gradients, and no guard, so that it
// changes nothing that training knows. Its parameters have the places that they have in the program of [Builder.Compile].
// The kept nodes, which are arrays, are written to the state of those names, where the host can read them.
func (b *Builder) CompileForward(outputs []*Node, kept map[string]*Node) (*Program, error) {
	if err := b.ready(); err != nil {
		return nil, err
	}
	c := newCompiler(b.Activations)
	c.placeLeaves(b)
	names := slices.Sorted(maps.Keys(kept))
	roots := slices.Clone(outputs)
	for _, name := range names {
		n := kept[name]
		state := c.program.AddState(name, Dimensions(n).Elements())
		v := c.add(Value{Name: name, Shape: Dimensions(n), Place: InState, Offset: state.Offset})
		if c.typeOf(n) == Float32 {
			c.into[n] = v
		} else {
			c.copies[n] = append(c.copies[n], v)
		}
		roots = append(roots, n)
	}
	if err := c.emit(c.order(roots, nil)); err != nil {
		return nil, err
	}
	c.setOutputs(outputs)
	c.dropUnusedInputs()
	return c.program, b.err
}
