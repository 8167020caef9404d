package cpu

import (
	"fmt"
	"slices"
	"time"

	"uer/internal/graph"
	"uer/internal/kernel"
)

// Executor runs a program again and again in memory of its own.
type Executor struct {
	Profile *Profile // gathers the time of operations unless nil

	cpu        *CPU
	program    *graph.Program
	steps      []step
	buffers    []graph.Buffer // of each value, with its present shape
	arena      []float32
	parameters []float32
	gradients  []float32
	weights    sharedWeights
}

// step is an instruction with its kernel and the memory of its operands.
type step struct {
	graph.Instruction
	compute    compute
	in, out    []graph.Buffer
	inShapes   []graph.Shape
	accumulate []bool
}

// NewExecutor allocates memory for a program on a CPU. Parameters is the flat buffer of program.ParameterSize elements;
// several executors may share it.
func NewExecutor(c *CPU, program *graph.Program, parameters []float32) (*Executor, error) {
	e := &Executor{
		cpu:        c,
		program:    program,
		buffers:    make([]graph.Buffer, len(program.Values)),
		arena:      kernel.Allocate(program.ArenaSize),
		parameters: parameters,
		gradients:  kernel.Allocate(program.ParameterSize),
		weights:    newSharedWeights(c, program, parameters),
	}
	for i, v := range program.Values {
		e.buffers[i] = graph.Buffer{Shape: v.Shape, Floats: e.memory(v, v.Shape)}
	}
	for _, instruction := range program.Instructions {
		f, err := c.compute(instruction.Op)
		if err != nil {
			return nil, err
		}
		e.steps = append(e.steps, step{
			Instruction: instruction,
			compute:     f,
			in:          make([]graph.Buffer, len(instruction.In)),
			out:         make([]graph.Buffer, len(instruction.Out)),
			inShapes:    make([]graph.Shape, len(instruction.In)),
			accumulate:  make([]bool, len(instruction.Out)),
		})
	}
	return e, nil
}

// memory is the part of the flat buffers that a value of the given shape takes; nil for an input.
func (e *Executor) memory(v graph.Value, shape graph.Shape) []float32 {
	end := v.Offset + shape.Elements()
	switch v.Place {
	case graph.InArena:
		return e.arena[v.Offset:end:end]
	case graph.InParameters:
		return e.parameters[v.Offset:end:end]
	case graph.InGradients:
		return e.gradients[v.Offset:end:end]
	case graph.InConstant:
		return []float32{v.Constant}
	}
	return nil
}

// Parameters is the flat buffer of the parameters.
func (e *Executor) Parameters() []float32 { return e.parameters }

// Gradients is the flat buffer of the gradients, laid out as the parameters are.
func (e *Executor) Gradients() []float32 { return e.gradients }

// Feed sets an input for the coming runs. The executor keeps the slice. An input that the program does not have is
// ignored: not every model uses everything that a batch holds.
func (e *Executor) Feed(name string, data []int32) error {
	i, ok := e.program.Inputs[name]
	if !ok {
		return nil
	}
	if most := e.program.Values[i].Shape.Elements(); len(data) > most {
		return fmt.Errorf("%s has %d elements, the program was planned for %d", name, len(data), most)
	}
	e.buffers[i] = graph.Buffer{Shape: graph.Shape{len(data)}, Integers: data}
	return nil
}

// Run executes the program on the inputs that were fed.
func (e *Executor) Run(run *Run) error {
	e.weights.forget()
	run.weights = e.weights
	for i := range e.steps {
		s := &e.steps[i]
		if err := e.place(s, run); err != nil {
			return err
		}
		e.execute(s, run)
		if run.After != nil {
			run.After(i)
		}
	}
	return nil
}

// execute computes one step, and measures it if there is a profile.
func (e *Executor) execute(s *step, run *Run) {
	if e.Profile == nil {
		s.compute(run, s.out, s.in, s.accumulate)
		return
	}
	started := time.Now()
	s.compute(run, s.out, s.in, s.accumulate)
	e.Profile.add(s.Op.Name(), time.Since(started), work(s.Op, s.in, s.out))
}

// Work is the number of floating-point operations of the matrix products of the last run. What is computed twice counts
// once, and what is masked not at all.
func (e *Executor) Work() int64 {
	var all int64
	for i := range e.steps {
		if s := &e.steps[i]; !s.Recomputed {
			all += work(s.Op, s.in, s.out)
		}
	}
	return all
}

// place gives a step's operands the shapes that follow from the inputs' present shapes.
func (e *Executor) place(s *step, run *Run) error {
	for i, v := range s.In {
		s.in[i] = e.buffers[v]
		s.inShapes[i] = e.buffers[v].Shape
	}
	shapes, err := s.Op.OutputShapes(s.inShapes)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Op.Name(), err)
	}
	for i, v := range s.Out {
		if v == graph.None {
			s.out[i] = graph.Buffer{Shape: shapes[i]}
			continue
		}
		value := e.program.Values[v]
		s.out[i] = graph.Buffer{Shape: shapes[i], Floats: e.memory(value, shapes[i])}
		s.accumulate[i] = s.Accumulate[i] || run.Accumulate && value.Place == graph.InGradients
		e.buffers[v] = s.out[i]
	}
	return nil
}

// Output is the value of a scalar output, in the order in which the program was compiled.
func (e *Executor) Output(i int) float32 { return e.buffers[e.program.Outputs[i]].Floats[0] }

// Touched is the number of bytes of the arena that the last run used. The system gives memory when it is first touched,
// so this is less than the arena where batches are smaller than planned.
func (e *Executor) Touched() int64 {
	type part struct{ start, end int }
	var parts []part
	for i, v := range e.program.Values {
		if v.Place == graph.InArena {
			parts = append(parts, part{v.Offset, v.Offset + e.buffers[i].Shape.Elements()})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return a.start - b.start })
	touched, end := 0, 0
	for _, p := range parts {
		touched += max(0, p.end-max(p.start, end))
		end = max(end, p.end)
	}
	return 4 * int64(touched)
}

// Packed is the number of bytes that hold weights which layers share, in the layout of products.
func (e *Executor) Packed() int64 { return 4 * int64(e.weights.size()) }

// Length is the number of elements of an input that was fed.
func (e *Executor) Length(input string) int {
	return e.buffers[e.program.Inputs[input]].Shape.Elements()
}

// Finite tells whether all parameters are finite.
func (e *Executor) Finite() bool { return e.cpu.kernel.AllFinite(e.parameters) }
