package cpu

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
)

// operand is a row-major value in memory, with its shape in the current run. Its type determines which of the slices is
// set; an output that nothing reads has none.
type operand struct {
	Shape    graph.Shape
	Floats   []float32
	Integers []int32
	Doubles  []float64
	shared   *sharedWeight // the packed copies of a weight that layers share; nil for other values
}

// wanted reports whether anything reads an output.
func (o operand) wanted() bool { return o.Floats != nil || o.Doubles != nil }

// output returns the operand as the output of a kernel.
func (o operand) output(accumulate bool) kernel.Output {
	return kernel.Output{To: o.Floats, Accumulate: accumulate}
}

// executable is a loaded program with the memory of its runs. It implements device.Executable.
type executable struct {
	device   *Device
	memory   *memory
	program  *graph.Program // with copies for kernels that cannot add to their outputs
	arena    device.Arena   // in elements
	values   []float32      // of the arena
	operands []operand      // of each value
	steps    []step
	weights  []*sharedWeight
	fed      bool
	results  results
}

// step is an instruction with its kernel and its operands.
type step struct {
	graph.Instruction
	number     int // the index of the instruction in the program that was loaded
	compute    compute
	in, out    []operand
	inShapes   []graph.Shape
	accumulate []bool
}

func load(d *Device, p *graph.Program, m *memory) (*executable, error) {
	if p.ParameterSize != m.layout.ParameterSize || p.StateSize > m.layout.StateSize {
		return nil, fmt.Errorf("the program has %d parameters and %d elements of state, the memory %d and %d",
			p.ParameterSize, p.StateSize, m.layout.ParameterSize, m.layout.StateSize)
	}
	for _, instruction := range p.Instructions {
		if _, err := d.find(instruction.Op); err != nil {
			return nil, err
		}
	}
	e := &executable{device: d, memory: m}
	var origin []int
	e.program, origin = device.WithCopies(p, d.canAdd)
	sizes, err := d.sizes(e.program)
	if err != nil {
		return nil, err
	}
	e.arena = device.PlanArena(e.program, sizes)
	e.values = kernel.Allocate(e.arena.Size)
	e.operands = make([]operand, len(e.program.Values))
	for i, v := range e.program.Values {
		e.operands[i] = operand{Shape: slices.Clone(v.Shape)}
		if v.Type == graph.Float64 {
			e.operands[i].Doubles = make([]float64, v.Shape.Elements())
		} else {
			e.operands[i].Floats = e.floats(i, sizes[i])
		}
	}
	e.weights = d.shareWeights(e.program, e.operands)
	for i, instruction := range e.program.Instructions {
		bind, _ := d.find(instruction.Op)
		e.steps = append(e.steps, step{
			Instruction: instruction,
			number:      origin[i],
			compute:     bind.bind(d, instruction.Op),
			in:          make([]operand, len(instruction.In)),
			out:         make([]operand, len(instruction.Out)),
			inShapes:    make([]graph.Shape, len(instruction.In)),
			accumulate:  make([]bool, len(instruction.Out)),
		})
	}
	return e, nil
}

// cacheLine is the number of floats in a cache line. Values of the arena are aligned to it.
const cacheLine = 16

// sizes returns the largest sizes of all values, in elements, rounded up to whole cache lines.
func (d *Device) sizes(p *graph.Program) ([]int, error) {
	sizes := make([]int, len(p.Values))
	for i, v := range p.Values {
		if !v.Shape.IsSaved() {
			sizes[i] = v.Shape.Elements()
		}
	}
	for _, instruction := range p.Instructions {
		shapes := make([]graph.Shape, len(instruction.In))
		for i, v := range instruction.In {
			shapes[i] = p.Values[v].Shape
		}
		for _, v := range instruction.Out {
			if v != graph.None && p.Values[v].Shape.IsSaved() {
				n, err := d.savedSize(instruction.Op, shapes)
				if err != nil {
					return nil, err
				}
				sizes[v] = n
			}
		}
	}
	for i := range sizes {
		sizes[i] = (sizes[i] + cacheLine - 1) / cacheLine * cacheLine
	}
	return sizes, nil
}

// floats returns the memory of n elements of a value, nil for an input.
func (e *executable) floats(value, n int) []float32 {
	v := e.program.Values[value]
	switch v.Place {
	case graph.InArena:
		offset := e.arena.Offsets[value]
		return e.values[offset : offset+n : offset+n]
	case graph.InConstant:
		return []float32{v.Constant}
	case graph.InInput:
		return nil
	}
	// In a flat buffer, what follows may belong to another value.
	n = min(n, v.Shape.Elements())
	return e.memory.buffer(v.Place)[v.Offset : v.Offset+n : v.Offset+n]
}

// Feed keeps the slices for the next run.
func (e *executable) Feed(inputs device.Inputs) error {
	for name, i := range e.program.Inputs {
		data := inputs.Find(name)
		if data == nil {
			return fmt.Errorf("input %q is missing", name)
		}
		if limit := e.program.Values[i].Shape.Elements(); len(data) > limit {
			return fmt.Errorf("input %q has %d elements, more than the planned %d", name, len(data), limit)
		}
		e.operands[i].Integers = data
		e.operands[i].Shape = append(e.operands[i].Shape[:0:1], len(data))
	}
	e.fed = true
	return nil
}

// Run computes the program and returns when it is done.
func (e *executable) Run(run device.Run) error {
	if !e.fed && len(e.program.Inputs) > 0 {
		return errors.New("the inputs of this run were not fed")
	}
	e.fed = false
	if err := e.memory.wait(); err != nil {
		return err
	}
	for _, w := range e.weights {
		w.invalidate()
	}
	for i := range e.steps {
		s := &e.steps[i]
		if err := e.bindOperands(s, &run); err != nil {
			return err
		}
		e.execute(s, &run)
		if run.After != nil && (i+1 == len(e.steps) || e.steps[i+1].number != s.number) {
			run.After(s.number)
		}
	}
	e.results.add(e.program.Outputs, e.operands)
	return nil
}

// bindOperands sets the operands of a step, with the shapes that follow from the shapes of its inputs in this run.
func (e *executable) bindOperands(s *step, run *device.Run) error {
	for i, v := range s.In {
		s.in[i] = e.operands[v]
		s.inShapes[i] = e.operands[v].Shape
	}
	shapes, err := s.Op.OutputShapes(s.inShapes)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Op.Name(), err)
	}
	for i, v := range s.Out {
		if v == graph.None {
			s.out[i] = operand{Shape: shapes[i]}
			continue
		}
		value, o := &e.program.Values[v], &e.operands[v]
		if o.Shape = shapes[i]; o.Shape.IsSaved() {
			n, err := e.device.savedSize(s.Op, s.inShapes)
			if err != nil {
				return err
			}
			o.Shape = append(graph.Shape{}, n)
		}
		if value.Type == graph.Float32 {
			o.Floats = e.floats(v, o.Shape.Elements())
		}
		s.accumulate[i] = s.Accumulate[i] || run.Accumulate && value.Place == graph.InGradients
		s.out[i] = *o
	}
	return nil
}

// execute computes one step, and times it if there is a profile.
func (e *executable) execute(s *step, run *device.Run) {
	if run.Profile == nil {
		s.compute(run, s.out, s.in, s.accumulate)
		return
	}
	started := time.Now()
	s.compute(run, s.out, s.in, s.accumulate)
	elapsed := time.Since(started)
	run.Profile.Add(s.Op.Name(), elapsed, device.FLOPs(s.Op, flopOperands(s.in, true), flopOperands(s.out, false)), s.Recomputed)
}

// flopOperands describes operands to device.FLOPs. Outputs that nothing reads have no shape there, inputs always have one.
func flopOperands(operands []operand, inputs bool) []device.Operand {
	list := make([]device.Operand, len(operands))
	for i, o := range operands {
		if inputs || o.wanted() {
			list[i] = device.Operand{Shape: o.Shape, Integers: o.Integers}
		}
	}
	return list
}

// Figures returns the outputs of all runs since the last call. It never has to wait: a run has ended when Run returns.
func (e *executable) Figures(bool) ([]device.Figures, error) { return e.results.take(), nil }

// Usage returns how much memory the program and its Memory take.
func (e *executable) Usage() device.Usage {
	usage := device.Usage{
		Parameters: 4 * int64(len(e.memory.parameters)), Gradients: 4 * int64(len(e.memory.gradients)),
		State: 4 * int64(len(e.memory.state)), Activations: 4 * int64(e.arena.Size), ActivationsUsed: 4 * int64(e.used()),
	}
	for _, w := range e.weights {
		usage.PackedWeights += 4 * int64(w.size())
	}
	return usage
}

// used returns the number of elements of the arena that the last run touched. The operating system provides memory on first
// touch, so batches that are smaller than planned take less than the whole arena.
func (e *executable) used() int {
	type extent struct{ start, end int }
	var extents []extent
	for i, v := range e.program.Values {
		if v.Place == graph.InArena {
			start := e.arena.Offsets[i]
			extents = append(extents, extent{start, start + len(e.operands[i].Floats)})
		}
	}
	slices.SortFunc(extents, func(a, b extent) int { return a.start - b.start })
	used, end := 0, 0
	for _, x := range extents {
		used += max(0, x.end-max(x.start, end))
		end = max(end, x.end)
	}
	return used
}
