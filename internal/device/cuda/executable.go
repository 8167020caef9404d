package cuda

import (
	"fmt"

	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/graph"
)

// operand is a value on the GPU, row-major, with its present shape.
type operand struct {
	Shape    graph.Shape
	Type     graph.Type
	At       driver.Pointer // 0 for an output that nobody reads
	Integers []int32        // the host's copy of an input; nil while a program is planned
}

// wanted tells whether anybody reads an output.
func (o operand) wanted() bool { return o.At != 0 }

// executable is a program on the GPU, with memory of its own. It implements device.Executable.
type executable struct {
	device   *Device
	memory   *memory
	program  *graph.Program // with copies where kernels cannot add
	arena    device.Arena   // in bytes
	values   *driver.Buffer // of the arena
	fixed    int64          // bytes of the constants
	at       []driver.Pointer
	integers [][]int32 // of each input
	shapes   *device.Shapes
	steps    []step
	inputs   inputs
	results  results
	timers   *timers // nil unless a run was profiled
}

// step is an instruction with its binding and its operands.
type step struct {
	graph.Instruction
	number     int // of the instruction, in the program that was loaded
	compute    compute
	derive     derive // nil for most
	derived    int    // where in a slot what it derives is
	size       int    // and how many elements
	in, out    []operand
	accumulate []bool
}

// alignment of what lies in the arena, in bytes.
const alignment = 256

func load(d *Device, p *graph.Program, m *memory) (*executable, error) {
	if err := device.CheckProgram(p, m.layout); err != nil {
		return nil, err
	}
	e := &executable{device: d, memory: m}
	var origin []int
	e.program, origin = device.WithCopies(p, bindings.CanAdd)
	e.shapes = device.NewShapes(e.program, bindings.SavedSize)
	e.inputs.plan(e.program)
	if err := e.bind(origin); err != nil {
		return nil, err
	}
	if err := e.place(); err != nil {
		return nil, err
	}
	return e, e.plan()
}

// bind finds the kernels of all instructions.
func (e *executable) bind(origin []int) error {
	b := &binder{device: e.device}
	for i, instruction := range e.program.Instructions {
		binding, err := bindings.Find(instruction.Op)
		if err != nil {
			return err
		}
		if err := e.shapes.Infer(&instruction); err != nil {
			return err
		}
		b.in, b.derive, b.size = b.in[:0], nil, 0
		for _, v := range instruction.In {
			b.in = append(b.in, e.shapes.Of(v))
		}
		s := step{
			Instruction: instruction, number: origin[i], compute: binding.Bind(b, instruction.Op),
			in: make([]operand, len(instruction.In)), out: make([]operand, len(instruction.Out)),
			accumulate: make([]bool, len(instruction.Out)),
		}
		if s.derive, s.size = b.derive, b.size; s.derive != nil {
			s.derived = e.inputs.reserve(s.size)
		}
		e.steps = append(e.steps, s)
	}
	e.fixed = b.constants
	return b.err
}

// place gives all values memory. The shapes are the largest ones.
func (e *executable) place() error {
	sizes := make([]int, len(e.program.Values))
	for i, v := range e.program.Values {
		sizes[i] = (bytesOf(v.Type)*e.shapes.Of(i).Elements() + alignment - 1) / alignment * alignment
	}
	e.arena = device.PlanArena(e.program, sizes)
	var err error
	if e.values, err = e.device.gpu.Allocate(int64(e.arena.Size)); err != nil {
		return fmt.Errorf("allocating the activations: %w", err)
	}
	if err := e.inputs.allocate(e.device.gpu); err != nil {
		return fmt.Errorf("allocating memory for batches: %w", err)
	}
	e.at, e.integers = make([]driver.Pointer, len(sizes)), make([][]int32, len(sizes))
	var constants []float32
	for i, v := range e.program.Values {
		switch v.Place {
		case graph.InArena:
			e.at[i] = e.values.At + driver.Pointer(e.arena.Offsets[i])
		case graph.InConstant:
			constants = append(constants, v.Constant)
		case graph.InParameters, graph.InGradients, graph.InState:
			e.at[i] = e.memory.buffer(v.Place).At + driver.Pointer(4*v.Offset)
		}
	}
	if err := e.placeConstants(constants); err != nil {
		return err
	}
	return e.results.allocate(e.device, e.program, e.at)
}

// placeConstants copies the constants of the program, which never change.
func (e *executable) placeConstants(constants []float32) error {
	if len(constants) == 0 {
		return nil
	}
	b, err := e.device.gpu.Allocate(4 * int64(len(constants)))
	if err != nil {
		return err
	}
	e.fixed += b.Bytes
	next := b.At
	for i, v := range e.program.Values {
		if v.Place == graph.InConstant {
			e.at[i], next = next, next+4
		}
	}
	return driver.Upload(e.device.gpu.Compute, b.At, constants)
}

func bytesOf(t graph.Type) int {
	if t == graph.Float64 {
		return 8
	}
	return 4
}

// plan goes through a run of the largest shapes that launches nothing, to learn how much scratch memory operations need.
func (e *executable) plan() error {
	r := &run{device: e.device, planning: true}
	for i := range e.steps {
		s := &e.steps[i]
		if err := e.bindOperands(s, r); err != nil {
			return err
		}
		r.begin(s)
		s.compute(r, s.out, s.in, s.accumulate)
		if r.err != nil {
			return fmt.Errorf("%s: %w", s.Op.Name(), r.err)
		}
	}
	return e.device.reserve(r.largest)
}

// Feed copies the inputs, so the slices are free again when it returns.
func (e *executable) Feed(list device.Inputs) error {
	slot, err := e.inputs.next()
	if err != nil {
		return e.device.explained(err)
	}
	return e.shapes.Feed(list, func(value int, data []int32) {
		offset := e.inputs.offsets[value]
		e.integers[value], e.at[value] = slot.put(offset, data), slot.at(offset)
	})
}

// Run begins a run.
func (e *executable) Run(with device.Run) error {
	if err := e.shapes.Start(); err != nil {
		return err
	}
	r := &run{Run: with, device: e.device, memory: e.memory, slot: e.inputs.slot()}
	if err := e.prepare(r); err != nil {
		return e.device.explained(err)
	}
	if err := e.memory.sums.join(e.device); err != nil {
		return err
	}
	return e.device.explained(e.begin(r))
}

// begin begins all work of a run.
func (e *executable) begin(r *run) error {
	trail, compute := e.device.trail, e.device.gpu.Compute
	if err := e.results.start(compute); err != nil {
		return err
	}
	if e.inputs.size > 0 {
		if err := e.inputs.upload(e.device.gpu); err != nil {
			return err
		}
		if err := trail.mark(compute, stretch{step: r.Step, other: "copying a batch"}); err != nil {
			return err
		}
	}
	first, most := 0, (len(e.steps)+marks-1)/marks
	for i := range e.steps {
		s, last := &e.steps[i], i+1 == len(e.steps)
		if err := e.execute(s, r); err != nil {
			return fmt.Errorf("%s: %w", s.Op.Name(), err)
		}
		if r.After != nil && (last || e.steps[i+1].number != s.number) {
			r.After(s.number)
		}
		if last || i+1-first == most {
			if err := trail.mark(compute, stretch{step: r.Step, steps: e.steps[first : i+1]}); err != nil {
				return err
			}
			first = i + 1
		}
	}
	if err := r.slot.read.Record(compute); err != nil {
		return err
	}
	if err := e.results.begin(r); err != nil {
		return err
	}
	if err := trail.mark(compute, stretch{step: r.Step, other: "copying figures"}); err != nil {
		return err
	}
	return e.timers.report(e, r.Profile)
}

// prepare gives all operands their present shapes, and derives what the host makes of inputs.
func (e *executable) prepare(r *run) error {
	for i := range e.steps {
		s := &e.steps[i]
		if err := e.shapes.Infer(&s.Instruction); err != nil {
			return err
		}
		if err := e.bindOperands(s, r); err != nil {
			return err
		}
		if s.derive != nil {
			s.derive(s.in, r.slot.host.Data[s.derived:s.derived+s.size])
		}
	}
	return nil
}

func (e *executable) bindOperands(s *step, r *run) error {
	for i, v := range s.In {
		s.in[i] = operand{Shape: e.shapes.Of(v), Type: e.program.Values[v].Type, At: e.at[v], Integers: e.integers[v]}
	}
	for i, v := range s.Out {
		s.out[i] = operand{}
		if v != graph.None {
			s.out[i] = operand{Shape: e.shapes.Of(v), Type: e.program.Values[v].Type, At: e.at[v]}
			s.accumulate[i] = s.Accumulate[i] || r.Accumulate && e.program.Values[v].Place == graph.InGradients
		}
	}
	return nil
}

// execute begins one step, and times it if there is a profile.
func (e *executable) execute(s *step, r *run) error {
	r.begin(s)
	if r.Profile == nil {
		s.compute(r, s.out, s.in, s.accumulate)
		return r.err
	}
	if e.timers == nil {
		e.timers = &timers{}
	}
	if err := e.timers.start(e.device.gpu); err != nil {
		return err
	}
	s.compute(r, s.out, s.in, s.accumulate)
	if r.err != nil {
		return r.err
	}
	return e.timers.stop(s)
}

// Figures are the outputs of the runs that are over.
func (e *executable) Figures(wait bool) ([]device.Figures, error) {
	figures, err := e.results.take(wait)
	if group := e.device.group; err == nil && group != nil {
		err = exchanged(group.Err()) // sums that were given up have no values
	}
	return figures, e.device.explained(err)
}

// Usage counts what the program and its memory take on the GPU.
func (e *executable) Usage() device.Usage {
	used := e.arena.Used(e.program, func(value int) int {
		return bytesOf(e.program.Values[value].Type) * e.shapes.Of(value).Elements()
	})
	return device.Usage{
		Parameters: e.memory.parameters.Bytes, Gradients: e.memory.gradients.Bytes, State: e.memory.state.Bytes,
		Activations: e.values.Bytes, ActivationsUsed: int64(used),
		Inputs: e.inputs.bytes() + e.fixed + e.results.gathered.Bytes, Scratch: e.device.scratchBytes(),
	}
}
