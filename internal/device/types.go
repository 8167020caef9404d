package device

import (
	"fmt"

	"uer/internal/graph"
)

// CheckTypes returns an error unless a program was compiled for a device that stores activations in the given type.
func CheckTypes(p *graph.Program, activations graph.Type) error {
	for _, instruction := range p.Instructions {
		if instruction.Op == (graph.Copy{}) {
			continue
		}
		exactIn, exactOut := graph.ExactOperands(instruction.Op)
		check := func(what string, values []int, exact []bool) error {
			for i, v := range values {
				if v == graph.None || p.Values[v].Place != graph.InArena || len(p.Values[v].Shape) == 0 {
					continue
				}
				want := graph.TypeOfOperand(activations, exact, i, p.Values[v].Shape)
				if got := p.Values[v].Type; got != want {
					return fmt.Errorf("%s: %s %d is %v, the device needs %v", instruction.Op.Name(), what, i, got, want)
				}
			}
			return nil
		}
		if err := check("input", instruction.In, exactIn); err != nil {
			return err
		}
		if err := check("output", instruction.Out, exactOut); err != nil {
			return err
		}
	}
	return nil
}
