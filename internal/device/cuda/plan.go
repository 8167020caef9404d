package cuda

import (
	"fmt"
	"slices"

	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/graph"
)

// place gives all values memory. The shapes are the largest ones.
func (e *executable) place() error {
	e.planArena()
	var err error
	if e.values, err = e.device.gpu.Allocate(int64(e.arena.Size)); err != nil {
		return fmt.Errorf("allocating the activations: %w", err)
	}
	if err := e.inputs.allocate(e.device.gpu); err != nil {
		return fmt.Errorf("allocating memory for batches: %w", err)
	}
	e.at, e.integers = make([]driver.Pointer, len(e.program.Values)), make([][]int32, len(e.program.Values))
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

// planArena plans the arena. Values that are the columns of a matrix are placed as one.
func (e *executable) planArena() {
	sizes := make([]int, len(e.program.Values))
	for i := range e.program.Values {
		sizes[i] = (e.bytes(i) + alignment - 1) / alignment * alignment
	}
	whole := func(values []int) []int {
		values = slices.Clone(values)
		for i, v := range values {
			if c, ok := e.columns[v]; ok {
				values[i] = c.matrix
			}
		}
		return values
	}
	planned := *e.program
	planned.Instructions = slices.Clone(planned.Instructions)
	for i := range planned.Instructions {
		instruction := &planned.Instructions[i]
		instruction.In, instruction.Out = whole(instruction.In), whole(instruction.Out)
	}
	e.arena = device.PlanArena(&planned, sizes)
	for v, c := range e.columns {
		width := e.program.Values[v].Shape[1] * e.program.Values[v].Type.Bytes()
		e.arena.Offsets[v] = e.arena.Offsets[c.matrix] + c.number*width
	}
}

// bytes is the present size of a value. The first columns of a matrix count for all.
func (e *executable) bytes(v int) int {
	bytes := e.program.Values[v].Type.Bytes() * e.shapes.Of(v).Elements()
	if c, ok := e.columns[v]; ok && c.number == 0 {
		return c.values * bytes
	} else if ok {
		return 0
	}
	return bytes
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

// planScratch goes through a run of the largest shapes that launches nothing, to learn how much scratch memory operations
// need, and how much partial sums.
func (e *executable) planScratch() (scratch, partials int64, err error) {
	r := &run{device: e.device, memory: e.memory, planning: true}
	e.device.pending.drop()
	for i := range e.steps {
		s := &e.steps[i]
		if err := e.bindOperands(s, r); err != nil {
			return 0, 0, err
		}
		r.begin(s)
		s.compute(r, s.out, s.in, s.accumulate)
		if r.err != nil {
			return 0, 0, fmt.Errorf("%s: %w", s.Op.Name(), r.err)
		}
	}
	r.finishSums()
	return r.largest, e.device.pending.largest, nil
}
