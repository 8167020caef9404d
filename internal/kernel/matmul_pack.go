package kernel

// panels is a packed matrix, or a part of it: blocks of K one after the other, in each the panels of all lines.
type panels struct {
	data         []float32
	width        int // of all panels together
	first, depth int // the line, and the index in K, that the data begins with
}

// at gives the panels from a line on, which begins a panel, in the block [depth, depth+size) of K.
func (p *panels) at(line, depth, size int) []float32 {
	return p.data[(depth-p.depth)*p.width+(line-p.first)*size:]
}

// Packed is a matrix [K, N] in the layout in which products read it. A matrix that stays the same for many products, such
// as the weights of a recurrent step, is packed once.
type Packed struct {
	panels panels
	k, n   int
}

// PackedSize is the number of elements that Pack needs for a matrix [k, n].
func (c *CPU) PackedSize(k, n int) int {
	return k * ceilDivide(n, c.matmul.columns) * c.matmul.columns
}

// Pack lays out a matrix B [k, n], or [n, k] if transpose, in memory of PackedSize(k, n) elements. The result is for
// products of this instruction set. It holds until B changes or the memory is used otherwise.
func (c *CPU) Pack(memory, b []float32, leading, k, n int, transpose bool) Packed {
	requireLength("memory of a packed matrix", len(memory), c.PackedSize(k, n))
	leading = requireMatrix("B", b, k, n, leading, transpose)
	packed := Packed{panels: panels{data: memory, width: c.PackedSize(1, n)}, k: k, n: n}
	f := factor{x: b, leading: leading, transpose: transpose, lines: n, width: c.matmul.columns}
	c.packChunk(&f, &packed.panels, n, k, blockDepth(k))
	return packed
}

// packChunk packs lines of a factor over a range of K on all threads.
func (c *CPU) packChunk(f *factor, into *panels, lines, depth, blockDepth int) {
	group := maxLines / f.width * f.width
	groups, blocks := ceilDivide(lines, group), ceilDivide(depth, blockDepth)
	c.parallel(groups*blocks, func(tile int) {
		line, start := into.first+tile%groups*group, into.depth+tile/groups*blockDepth
		size := min(blockDepth, into.depth+depth-start)
		c.packBlock(f, into.at(line, start, size), line, min(group, into.first+lines-line), start, size)
	})
}

// packBlock packs lines of a factor in one block of K.
func (c *CPU) packBlock(f *factor, panels []float32, line, lines, depth, size int) {
	if lines == 0 || size == 0 {
		return
	}
	start := depth*f.leading + line
	if f.transpose {
		start = line*f.leading + depth
	}
	c.matmul.pack(panels, f.x[start:], f.leading, f.transpose, size, lines, f.width)
}

// blockDepth is the number of products that are summed before they are added to an element of C.
func blockDepth(k int) int { return evenShare(k, maxDepth, 2) }

// evenShare divides a total into the fewest parts of at most the limit, and returns the size of a part, rounded up to a
// multiple.
func evenShare(total, limit, multiple int) int {
	parts := max(1, ceilDivide(total, max(1, limit)))
	return max(1, ceilDivide(ceilDivide(total, parts), multiple)) * multiple
}

func ceilDivide(a, b int) int { return (a + b - 1) / b }

// grow returns memory for n elements, the given one if it is large enough.
func grow(memory []float32, n int) []float32 {
	if cap(memory) >= n {
		return memory[:n]
	}
	return make([]float32, n)
}
