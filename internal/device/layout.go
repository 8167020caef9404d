package device

import (
	"fmt"

	"uer/internal/graph"
)

// CheckProgram returns an error unless a program fits a memory of the given layout.
func CheckProgram(p *graph.Program, memory graph.Layout) error {
	if p.ParameterSize != memory.ParameterSize || p.StateSize > memory.StateSize {
		return fmt.Errorf("the program has %d parameters and %d elements of state, the memory %d and %d",
			p.ParameterSize, p.StateSize, memory.ParameterSize, memory.StateSize)
	}
	return nil
}

// CheckRange returns an error unless the flat buffer of a place holds size elements from offset on.
func CheckRange(memory graph.Layout, p graph.Place, offset, size int) error {
	n := 0
	switch p {
	case graph.InParameters, graph.InGradients:
		n = memory.ParameterSize
	case graph.InState:
		n = memory.StateSize
	}
	if offset < 0 || offset+size > n {
		return fmt.Errorf("elements %d to %d of the %v: out of range, there are %d", offset, offset+size, p, n)
	}
	return nil
}
