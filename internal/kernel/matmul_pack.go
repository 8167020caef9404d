package kernel

import (
	"math/bits"

	"uer/internal/kernel/routine"
)

// panels is a packed matrix or a part of one: blocks of K one after the other, each holding the panels of all lines.
type panels struct {
	data         []float32
	count        int // of panels
	width        int // lines in a panel
	stride       int // elements from one unit of K to the next in a panel
	unit         int // indices in K in a unit
	first, depth int // the line and the index in K at which the data begins
}

// newPanels describes packed lines of a factor. The caller supplies the memory.
func newPanels(m *routine.Matmul, f *factor, lines int) panels {
	return panels{count: routine.CeilDivide(lines, f.width), width: f.width, stride: f.stride, unit: m.Unit}
}

// size is the length of the data for a range of K.
func (p *panels) size(depth int) int { return p.count * p.stride * routine.CeilDivide(depth, p.unit) }

// at returns the panels from the one that begins with line, in the block [depth, depth+size) of K.
func (p *panels) at(line, depth, size int) []float32 {
	return p.data[p.size(depth-p.depth)+(line-p.first)/p.width*p.stride*routine.CeilDivide(size, p.unit):]
}

// panelOfA returns the lines in a panel of A, and the elements from one unit of K to the next. Those of a unit of one index
// fall into one cache line.
func panelOfA(m *routine.Matmul, lines int) (width, stride int) {
	if m.WholeRows {
		return m.Rows, m.Rows * m.UnitSize
	}
	width = evenShare(lines, m.Rows, 1)
	return width, 1 << bits.Len(uint(width-1)) * m.UnitSize
}

// panelOfB is panelOfA for B.
func panelOfB(m *routine.Matmul) (width, stride int) { return m.Columns, m.Columns * m.UnitSizeB }

// Packed is a matrix [K, N] in the layout that products read. It pays for a matrix that many products use unchanged, such as
// weights that layers share.
type Packed struct {
	panels    panels
	k, n      int
	precision Precision
}

// PackedSize is the number of elements that Pack needs for a matrix [k, n].
func (c *CPU) PackedSize(k, n int, precision Precision) int {
	m := &c.table.Matmul[precision]
	return routine.CeilDivide(k, m.Unit) * m.UnitSizeB * routine.RoundUp(n, m.Columns)
}

// Pack lays out a matrix B [k, n], or [n, k] if transpose, in memory of PackedSize(k, n, precision) elements, for products
// of this instruction set and precision. The result is valid until B changes or the memory is reused.
func (c *CPU) Pack(memory []float32, b Array, leading, k, n int, transpose bool, precision Precision) Packed {
	m := &c.table.Matmul[precision]
	requireLength("memory of a packed matrix", len(memory), c.PackedSize(k, n, precision))
	leading = requireMatrix("B", b, k, n, leading, transpose)
	f := factor{x: b, leading: leading, transpose: transpose, lines: n, isB: true}
	f.width, f.stride = panelOfB(m)
	p := Packed{newPanels(m, &f, n), k, n, precision}
	p.panels.data = memory
	c.packChunk(m, &f, &p.panels, n, k, blockDepth(m, k))
	return p
}

// packChunk packs lines of a factor over a range of K on all threads.
func (c *CPU) packChunk(m *routine.Matmul, f *factor, into *panels, lines, depth, blockDepth int) {
	group := max(1, packedLines/f.width) * f.width
	groups, blocks := routine.CeilDivide(lines, group), routine.CeilDivide(depth, blockDepth)
	c.parallel(groups*blocks, func(tile int) {
		line, start := into.first+tile%groups*group, into.depth+tile/groups*blockDepth
		size := min(blockDepth, into.depth+depth-start)
		packBlock(m, f, into.at(line, start, size), line, min(group, into.first+lines-line), start, size)
	})
}

// packBlock packs lines of a factor in one block of K.
func packBlock(m *routine.Matmul, f *factor, panels []float32, line, lines, depth, size int) {
	if lines == 0 || size == 0 {
		return
	}
	start := depth*f.leading + line
	if f.transpose {
		start = line*f.leading + depth
	}
	m.Pack(routine.Pack{
		Panels: panels, X: f.x.From(start), Leading: f.leading, Transpose: f.transpose,
		Depth: size, Count: lines, Width: f.width, Stride: f.stride, OfB: f.isB,
	})
}

// blockDepth is the size of the blocks of K.
func blockDepth(m *routine.Matmul, k int) int { return evenShare(k, m.MaxDepth, max(2, m.Unit)) }

// evenShare divides a total into as few equal shares as the limit allows and returns the size of one, rounded up to a
// multiple.
func evenShare(total, limit, multiple int) int {
	shares := max(1, routine.CeilDivide(total, max(1, limit)))
	return max(multiple, routine.RoundUp(routine.CeilDivide(total, shares), multiple))
}

// grow returns memory for n elements, reusing what it is given if that is large enough.
func grow(memory []float32, n int) []float32 {
	if cap(memory) >= n {
		return memory[:n]
	}
	return Allocate(n)
}
