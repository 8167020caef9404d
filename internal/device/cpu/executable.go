package cpu

import (
	"time"

	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
)

// operand is a row-major value in memory, with its shape in the current run. Its type determines which of the slices is
// set; an output that nothing reads has none. Operands that an operation names as exact are always Floats.
type operand struct {
	Shape graph.Shape
	kernel.Array
	Integers []int32
	Doubles  []float64
	shared   *sharedWeight // the packed copies of a weight that layers share; nil for other values
}

// wanted reports whether anything reads an output.
func (o operand) wanted() bool { return o.Present() || o.Doubles != nil }

// output returns the operand as the output of a kernel.
func (o operand) output(accumulate bool) kernel.Output {
	return kernel.Output{To: o.Array, Accumulate: accumulate}
}

// executable is a loaded program with the memory of its runs. It implements device.Executable.
type executable struct {
	device   *Device
	memory   *memory
	program  *graph.Program // with what kernels need: copies, and memory for outputs that nothing reads
	arena    device.Arena   // in float32s; its offsets are those of the latest run
	sizes    []int          // of each value in the arena, in float32s, whole cache lines
	values   []float32      // of the arena
	scratch  int            // elements that its operations need while they run
	operands []operand      // of each value
	shapes   *device.Shapes
	steps    []step
	weights  []*sharedWeight
	changes  bool // it writes parameters
	results  device.Results
}

// step is an instruction with its kernel and its operands.
type step struct {
	graph.Instruction
	number     int // the index of the instruction in the program that was loaded
	compute    compute
	in, out    []operand
	accumulate []bool
}

func load(d *Device, p *graph.Program, m *memory) (*executable, error) {
	if err := device.CheckProgram(p, m.layout); err != nil {
		return nil, err
	}
	if err := device.CheckTypes(p, d.Activations()); err != nil {
		return nil, err
	}
	e := &executable{device: d, memory: m}
	p, err := device.WithOutputs(p, d.Activations(), kernels.WritesAll)
	if err != nil {
		return nil, err
	}
	var origin []int
	e.program, origin = device.WithCopies(p, kernels.CanAdd)
	e.shapes = device.NewShapes(e.program, kernels.SavedSize(d))
	if err := e.bind(origin); err != nil {
		return nil, err
	}
	if err := e.place(); err != nil {
		return nil, err
	}
	e.weights, e.changes = d.shareWeights(e.program, e.operands), writesParameters(e.program)
	return e, nil
}

// bind finds the kernels of all instructions and follows the largest shapes.
func (e *executable) bind(origin []int) error {
	for i, instruction := range e.program.Instructions {
		binding, err := kernels.Find(instruction.Op)
		if err != nil {
			return err
		}
		shapes := make([]graph.Shape, len(instruction.In))
		for i, v := range instruction.In {
			shapes[i] = e.shapes.Of(v)
		}
		e.scratch = max(e.scratch, binding.Scratch(e.device, instruction.Op, shapes))
		if err := e.shapes.Infer(&instruction); err != nil {
			return err
		}
		e.steps = append(e.steps, step{
			Instruction: instruction,
			number:      origin[i],
			compute:     binding.Bind(e.device, instruction.Op),
			in:          make([]operand, len(instruction.In)),
			out:         make([]operand, len(instruction.Out)),
			accumulate:  make([]bool, len(instruction.Out)),
		})
	}
	return nil
}

// cacheLine is the number of floats in a cache line. Values of the arena are aligned to it.
const cacheLine = 16

// place gives all values memory for their largest shapes, and the operations their scratch memory.
func (e *executable) place() error {
	e.sizes = make([]int, len(e.program.Values))
	e.measure()
	e.arena = device.PlanArena(e.program, e.sizes)
	if err := e.device.reserve("the values of a batch", e.arena.Size+e.scratch); err != nil {
		return err
	}
	e.device.floats(e.scratch)
	e.values = kernel.Allocate(e.arena.Size)
	e.operands = make([]operand, len(e.sizes))
	for i, v := range e.program.Values {
		e.operands[i] = operand{Shape: e.shapes.Of(i)}
		if v.Type == graph.Float64 {
			e.operands[i].Doubles = make([]float64, v.Shape.Elements())
		} else {
			e.operands[i].Array = e.array(i, e.shapes.Of(i).Elements())
		}
	}
	return nil
}

// measure finds the present sizes of the values.
func (e *executable) measure() {
	for i := range e.sizes {
		size := sizeIn(e.program.Values[i].Type, e.shapes.Of(i).Elements())
		e.sizes[i] = (size + cacheLine - 1) / cacheLine * cacheLine
	}
}

// fit follows the shapes of a run, and moves its values together, so that it touches no more memory than they need.
func (e *executable) fit() error {
	for i := range e.steps {
		if err := e.shapes.Infer(&e.steps[i].Instruction); err != nil {
			return err
		}
	}
	e.measure()
	e.arena.Fit(e.sizes)
	return nil
}

// array returns the memory of n elements of a value, none for an input.
func (e *executable) array(value, n int) kernel.Array {
	v := e.program.Values[value]
	switch v.Place {
	case graph.InArena:
		return arrayIn(v.Type, e.values[e.arena.Offsets[value]:], n)
	case graph.InConstant:
		return kernel.Floats([]float32{v.Constant})
	case graph.InInput:
		return kernel.Array{}
	}
	// In a flat buffer, what follows may belong to another value.
	n = min(n, v.Shape.Elements())
	return kernel.Floats(e.memory.buffer(v.Place)[v.Offset : v.Offset+n : v.Offset+n])
}

// Feed keeps the slices for the next run.
func (e *executable) Feed(inputs device.Inputs) error {
	return e.shapes.Feed(inputs, func(value int, data []int32) { e.operands[value].Integers = data })
}

// Run computes the program and returns when it is done.
func (e *executable) Run(run device.Run) error {
	if err := e.shapes.Start(); err != nil {
		return err
	}
	if err := e.fit(); err != nil {
		return err
	}
	if err := e.memory.wait(); err != nil {
		return err
	}
	began := time.Now()
	if e.changes {
		e.memory.version++
	}
	for _, w := range e.weights {
		w.invalidate(e.memory.version)
	}
	for i := range e.steps {
		s := &e.steps[i]
		e.bindOperands(s, &run)
		if e.execute(s, &run); e.device.failure != nil {
			return e.device.failure
		}
		if run.After != nil && (i+1 == len(e.steps) || e.steps[i+1].number != s.number) {
			run.After(s.number)
		}
	}
	e.keepOutputs(time.Since(began))
	return nil
}

// bindOperands sets the operands of a step, in their present shapes.
func (e *executable) bindOperands(s *step, run *device.Run) {
	for i, v := range s.In {
		s.in[i] = e.operands[v]
		s.in[i].Shape = e.shapes.Of(v)
	}
	for i, v := range s.Out {
		if v == graph.None {
			continue
		}
		value, o := &e.program.Values[v], &e.operands[v]
		o.Shape = e.shapes.Of(v)
		if value.Type != graph.Float64 {
			o.Array = e.array(v, o.Shape.Elements())
		}
		s.accumulate[i] = s.Accumulate[i] || run.Accumulate && value.Place == graph.InGradients
		s.out[i] = *o
	}
}

// execute computes one step, and times it if there is a profile.
func (e *executable) execute(s *step, run *device.Run) {
	started := time.Now()
	s.compute(run, s.out, s.in, s.accumulate)
	if run.Profile != nil {
		run.Profile.Add(s.Op.Name(), time.Since(started), s.work(), s.Recomputed)
	}
}

// work is what the step has to do in the present run.
func (s *step) work() device.Work {
	in, out := described(s.in, true), described(s.out, false)
	return device.Work{FLOPs: device.FLOPs(s.Op, in, out), Bytes: device.Traffic(s.Op, in, out, s.accumulate)}
}

// described are operands as counting work sees them. Outputs that nothing reads have no shape there, inputs always have one.
func described(operands []operand, inputs bool) []device.Operand {
	list := make([]device.Operand, len(operands))
	for i, o := range operands {
		if inputs || o.wanted() {
			list[i] = device.Operand{Shape: o.Shape, Integers: o.Integers, ElementBytes: 4}
			if o.Halves != nil {
				list[i].ElementBytes = 2
			}
		}
	}
	return list
}

// keepOutputs records the outputs of a run, and how long it took.
func (e *executable) keepOutputs(took time.Duration) {
	figures := e.results.Add()
	figures.Took = took
	for _, v := range e.program.Outputs {
		if o := e.operands[v]; o.Doubles != nil {
			figures.Outputs = append(figures.Outputs, o.Doubles[0])
		} else {
			figures.Outputs = append(figures.Outputs, float64(o.Floats[0]))
		}
	}
}

// Figures returns the outputs of all runs since the last call. It never has to wait: a run has ended when Run returns.
func (e *executable) Figures(bool) ([]device.Figures, error) { return e.results.Take(), nil }

// Usage returns how much memory the program and its Memory take. The operating system provides memory on first touch, so
// batches that are smaller than planned take less than the whole arena.
func (e *executable) Usage() device.Usage {
	used := e.arena.Used(e.program, func(value int) int { return e.sizes[value] })
	usage := device.Usage{
		Parameters: 4 * int64(len(e.memory.parameters)), Gradients: 4 * int64(len(e.memory.gradients)),
		State: 4 * int64(len(e.memory.state)), Activations: 4 * int64(e.arena.Size), ActivationsUsed: 4 * int64(used),
		Scratch: 4 * int64(len(e.device.scratch)+e.device.kernel.ProductScratch(e.device.precision)+e.device.stagingScratch()),
	}
	for _, w := range e.weights {
		usage.PackedWeights += 4 * int64(w.size())
	}
	return usage
}
