package kernel

import (
	"fmt"
	"unsafe"

	"uer/internal/kernel/routine"
)

// Array is an operand of an operation, whose numbers are stored as float32 or as bfloat16. Parameters, statistics and
// gradients of parameters are always float32, and slices.
type Array = routine.Array

// Output is one of several results of an operation. A To that is left out says that it is not wanted.
type Output = routine.Output

// Floats is an array of float32, Halves one of bfloat16.
func Floats(x []float32) Array { return routine.Floats(x) }

// Halves is an array of bfloat16.
func Halves(x []uint16) Array { return routine.Halves(x) }

// HalvesIn is the memory of float32s as an array of n numbers in bfloat16, of which it holds two each.
func HalvesIn(memory []float32, n int) Array {
	if n == 0 {
		return Halves([]uint16{})
	}
	_ = memory[(n-1)/2]
	return Halves(unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(memory))), n))
}

// HalvesSize is how many float32s of memory n numbers in bfloat16 take.
func HalvesSize(n int) int { return (n + 1) / 2 }

// like returns the beginning of memory as an array of n numbers that are stored as those of x are.
func like(x Array, memory []float32, n int) Array {
	if x.Halves != nil {
		return HalvesIn(memory, n)
	}
	return Floats(memory[:n])
}

// copyArray copies numbers that are stored the same way.
func copyArray(to, x Array) {
	if (to.Halves == nil) != (x.Halves == nil) && x.Len() > 0 {
		panic(fmt.Sprintf("kernel: %d numbers are copied between float32 and bfloat16", x.Len()))
	}
	copy(to.Floats, x.Floats)
	copy(to.Halves, x.Halves)
}

// clearArray writes zeros.
func clearArray(x Array) {
	clear(x.Floats)
	clear(x.Halves)
}

// stage is memory of a worker, in which numbers that are stored as bfloat16 are float32 while a routine computes with them: a
// tile of them stays in its second-level cache, so that only bfloat16 comes from and goes to memory. Arrays of float32 are
// used where they are.
type stage struct {
	table  *routine.Table
	memory []float32
	used   int
	direct bool // whether routines take bfloat16, which is used where it is then, too
}

// stagedOperands is the most operands of tiles that a routine stages; where they are more, they are rows.
const stagedOperands = 2

// StagingScratch is how many elements of memory the arrays in bfloat16 of an operation on rows take at most.
func (c *CPU) StagingScratch() int { return c.Threads() * stagedOperands * tileElements }

// stage returns that of a worker, empty.
func (c *CPU) stage(worker int) *stage {
	s := &c.stages[worker]
	s.table, s.used = c.table, 0
	return s
}

// overStaged is overRows with the stage of the worker.
func (c *CPU) overStaged(rows, width int, body func(s *stage, first, last int)) {
	step := rowTile(width)
	c.parallelWorker(routine.CeilDivide(rows, step), func(worker, tile int) {
		first := tile * step
		body(c.stage(worker), first, min(first+step, rows))
	})
}

// room takes memory for n elements, which begins on a cache line.
func (s *stage) room(n int) []float32 {
	if s.used+n > len(s.memory) { // what has been taken so far stays in the memory before
		s.memory = Allocate(max(s.used+n, stagedOperands*tileElements))
	}
	taken := s.memory[s.used : s.used+n]
	s.used += routine.RoundUp(n, routine.CacheLine)
	return taken
}

// read returns numbers as float32; nil of an array that is left out.
func (s *stage) read(x Array) []float32 { return s.readRows(x, 1, x.Len(), x.Len()) }

// readRows is read for rows that lie stride apart, which are adjacent once they are read from bfloat16.
func (s *stage) readRows(x Array, rows, width, stride int) []float32 {
	if x.Halves == nil {
		return x.Floats
	}
	to := s.room(rows * width)
	s.table.Widen(routine.Widen{To: to, X: x.Halves, Rows: rows, Width: width, ToStride: width, Stride: stride})
	return to
}

// readTo is read into given memory.
func (s *stage) readTo(to []float32, x Array) {
	copy(to, x.Floats)
	if x.Halves != nil {
		s.table.Widen(routine.Widen{To: to, X: x.Halves, Rows: 1, Width: x.Len(), ToStride: x.Len(), Stride: x.Len()})
	}
}

// place returns where a routine may write what goes to an array: the array, or memory that store then rounds.
func (s *stage) place(x Array) []float32 {
	if x.Halves == nil {
		return x.Floats
	}
	return s.room(x.Len())
}

// store rounds what was written to the place of an array.
func (s *stage) store(x Array, from []float32) { s.storeRows(Output{To: x}, from, 1, x.Len(), x.Len()) }

// output is place for an output.
func (s *stage) output(o Output) Output {
	if o.To.Halves == nil {
		return o
	}
	return Output{To: Floats(s.room(o.To.Len()))}
}

// finish is store for an output.
func (s *stage) finish(o, from Output) {
	s.storeRows(o, from.To.Floats, 1, o.To.Len(), o.To.Len())
}

// put writes or adds x to an output that is stored the same way.
func (s *stage) put(o Output, x Array) {
	s.used = 0
	switch {
	case !o.Accumulate:
		copyArray(o.To, x)
	case o.To.Halves != nil:
		s.finish(o, Output{To: Floats(s.read(x))})
	default:
		s.table.Add(routine.Add{Out: o.To.Floats, A: o.To.Floats, B: x.Floats})
	}
}

// storeRows is store for rows that lie stride apart in an output, and next to each other in memory.
func (s *stage) storeRows(o Output, from []float32, rows, width, stride int) {
	if o.To.Halves != nil {
		s.table.Narrow(routine.Narrow{
			To: o.To.Halves, X: from, Rows: rows, Width: width, ToStride: stride, Stride: width, Accumulate: o.Accumulate,
		})
	}
}
