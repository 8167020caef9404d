package cuda

import (
	"errors"
	"fmt"
	"time"

	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/graph"
)

// operand is a value on the GPU, row-major, with its present shape.
type operand struct {
	Shape    graph.Shape
	Type     graph.Type
	At       driver.Pointer // 0 for an output that nobody reads
	Stride   int            // elements from one row to the next, more than a row has if the value is columns of a matrix
	matrix   driver.Pointer // which is here
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
	joins    map[int]*join // by instruction
	columns  map[int]place // of values that are columns of a matrix
	steps    []step
	inputs   inputs
	results  results
	updates  bool    // it changes parameters
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
	described  [2][]device.Operand // in and out, to count work
	work       device.Work         // in the present run
}

// alignment of what lies in the arena, in bytes.
const alignment = 256

func load(d *Device, p *graph.Program, m *memory) (*executable, error) {
	if err := device.CheckProgram(p, m.layout); err != nil {
		return nil, err
	}
	e := &executable{device: d, memory: m}
	var origin []int
	if err := device.CheckTypes(p, d.activations); err != nil {
		return nil, err
	}
	e.program, origin = device.WithCopies(p, bindings.CanAdd)
	e.program, origin = device.WithoutCopies(e.program, origin, bindings.CanAdd)
	if err := errors.Join(e.join(), m.listCopies()); err != nil {
		return nil, err
	}
	e.shapes = device.NewShapes(e.program, bindings.SavedSize(&binder{device: d}))
	e.inputs.plan(e.program)
	if err := e.bind(origin); err != nil {
		return nil, err
	}
	if err := e.place(); err != nil {
		return nil, err
	}
	scratch, partials, err := e.planScratch()
	if err != nil {
		return nil, err
	}
	return e, errors.Join(d.reserve(&d.scratch, scratch), d.reserve(&d.pending.buffer, partials))
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
		b.join = e.joins[i]
		b.leads = b.join != nil && b.join.first() == i
		b.inTypes, b.outTypes = e.types(instruction.In), e.types(instruction.Out)
		s := step{
			Instruction: instruction, number: origin[i], compute: binding.Bind(b, instruction.Op),
			in: make([]operand, len(instruction.In)), out: make([]operand, len(instruction.Out)),
			accumulate: make([]bool, len(instruction.Out)),
			described:  [2][]device.Operand{make([]device.Operand, len(instruction.In)), make([]device.Operand, len(instruction.Out))},
		}
		if s.derive, s.size = b.derive, b.size; s.derive != nil {
			s.derived = e.inputs.reserve(s.size)
		}
		e.steps = append(e.steps, s)
		for _, v := range instruction.Out {
			e.updates = e.updates || v != graph.None && e.program.Values[v].Place == graph.InParameters
		}
	}
	e.fixed = b.constants
	return b.err
}

// types are those of values; of one that nothing reads, it does not matter.
func (e *executable) types(values []int) []graph.Type {
	list := make([]graph.Type, len(values))
	for i, v := range values {
		if v != graph.None {
			list[i] = e.program.Values[v].Type
		}
	}
	return list
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
	began := time.Now()
	if err := e.shapes.Start(); err != nil {
		return err
	}
	r := &run{Run: with, device: e.device, memory: e.memory, slot: e.inputs.slot(), began: began}
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
	e.device.pending.drop()
	e.memory.refresh(r)
	first, most := 0, (len(e.steps)+marks-1)/marks
	for i := range e.steps {
		s, last := &e.steps[i], i+1 == len(e.steps)
		trail.open = stretch{step: r.Step, steps: e.steps[first : i+1]}
		if err := e.execute(s, r); err != nil {
			return fmt.Errorf("%s: %w", s.Op.Name(), err)
		}
		if last {
			if r.finishSums(); r.err != nil {
				return r.err
			}
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
	e.memory.loose = e.memory.loose || e.updates
	if err := r.slot.read.Record(compute); err != nil {
		return err
	}
	if err := e.results.begin(r); err != nil {
		return err
	}
	if err := trail.mark(compute, stretch{step: r.Step, other: "copying figures"}); err != nil {
		return err
	}
	if r.Profile == nil {
		return nil
	}
	r.Profile.AddHost(time.Since(r.began))
	return e.timers.report(r.Profile)
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
		s.in[i] = e.operand(v)
		s.in[i].Integers = e.integers[v]
	}
	for i, v := range s.Out {
		s.out[i] = operand{}
		if v != graph.None {
			s.out[i] = e.operand(v)
			s.accumulate[i] = s.Accumulate[i] || r.Accumulate && e.program.Values[v].Place == graph.InGradients
		}
	}
	return nil
}

// operand is a value with its present shape.
func (e *executable) operand(v int) operand {
	o := operand{Shape: e.shapes.Of(v), Type: e.program.Values[v].Type, At: e.at[v], matrix: e.at[v]}
	if len(o.Shape) > 1 {
		o.Stride = o.Shape[1]
	}
	if c, ok := e.columns[v]; ok {
		o.Stride, o.matrix = c.values*o.Stride, e.at[c.matrix]
	}
	return o
}

// execute begins one step, and times it if there is a profile.
func (e *executable) execute(s *step, r *run) error {
	r.begin(s)
	s.count(r.Profile != nil)
	if !s.Recomputed {
		r.flops += s.work.FLOPs
	}
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
	if r.finishSums(); r.err != nil { // here, so that they count for the step
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
	used := e.arena.Used(e.program, e.bytes)
	return device.Usage{
		Parameters: e.memory.parameters.Bytes + e.memory.copiesBytes(), Gradients: e.memory.gradients.Bytes, State: e.memory.state.Bytes,
		Activations: e.values.Bytes, ActivationsUsed: int64(used),
		Inputs: e.inputs.bytes() + e.fixed + e.results.gathered.Bytes, Scratch: e.device.scratchBytes(),
	}
}
