package device

import (
	"errors"
	"fmt"
	"slices"

	"uer/internal/graph"
)

// Shapes follows the shapes that a program's values have in a run: those of its inputs, and what follows from them.
type Shapes struct {
	program *graph.Program
	saved   func(o graph.Op, in []graph.Shape) (int, error)
	present []graph.Shape // of each value
	in      []graph.Shape
	fed     bool
}

// NewShapes begins with the largest shapes. saved gives the number of elements that an operation of the device saves.
func NewShapes(p *graph.Program, saved func(o graph.Op, in []graph.Shape) (int, error)) *Shapes {
	s := &Shapes{program: p, saved: saved, present: make([]graph.Shape, len(p.Values))}
	for i, v := range p.Values {
		s.present[i] = slices.Clone(v.Shape)
	}
	return s
}

// Of is the present shape of a value.
func (s *Shapes) Of(value int) graph.Shape { return s.present[value] }

// Feed takes the lengths of the inputs of the next run. take receives the data of each input that the program reads.
func (s *Shapes) Feed(inputs Inputs, take func(value int, data []int32)) error {
	s.fed = false
	for name, i := range s.program.Inputs {
		data := inputs.Find(name)
		if data == nil {
			return fmt.Errorf("input %q is missing", name)
		}
		if limit := s.program.Values[i].Shape.Elements(); len(data) > limit {
			return fmt.Errorf("input %q has %d elements, more than the planned %d", name, len(data), limit)
		}
		s.present[i] = append(s.present[i][:0], len(data))
		take(i, data)
	}
	s.fed = true
	return nil
}

// Start begins a run, on inputs that were fed for it.
func (s *Shapes) Start() error {
	if !s.fed && len(s.program.Inputs) > 0 {
		return errors.New("the inputs of this run were not fed")
	}
	s.fed = false
	return nil
}

// Infer gives the outputs of an instruction, in the order of the program, the shapes that follow from its inputs.
func (s *Shapes) Infer(instruction *graph.Instruction) error {
	s.in = s.in[:0]
	for _, v := range instruction.In {
		s.in = append(s.in, s.present[v])
	}
	shapes, err := instruction.Op.OutputShapes(s.in)
	if err != nil {
		return fmt.Errorf("%s: %w", instruction.Op.Name(), err)
	}
	for i, v := range instruction.Out {
		if v == graph.None {
			continue
		}
		if s.present[v] = shapes[i]; shapes[i].IsSaved() {
			n, err := s.saved(instruction.Op, s.in)
			if err != nil {
				return err
			}
			s.present[v] = graph.Shape{n}
		}
	}
	return nil
}
