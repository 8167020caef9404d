package kernel

// Packed is a matrix [K, N] in the layout in which products read it. A matrix that stays the same for many products, such
// as the weights of a recurrent step, is packed once.
type Packed struct {
	panels
	k, n int
}

// PackedSize is the number of elements that Pack writes for a matrix [k, n].
func (c *CPU) PackedSize(k, n int) int {
	return k * ceilDivide(n, c.matmul.columns) * c.matmul.columns
}

// Pack lays out a matrix B [k, n], or [n, k] if transpose, in the given memory, which has PackedSize(k, n) elements. The
// result is for products of this instruction set, and holds until B changes or the memory is used otherwise.
func (c *CPU) Pack(memory, b []float32, leading, k, n int, transpose bool) Packed {
	requireLength("the memory of a packed matrix", len(memory), c.PackedSize(k, n))
	p := Product{K: k, N: n, B: b, TransposeB: transpose}
	p.LDB = requireMatrix("B", b, k, n, leading, transpose)
	packed := Packed{panels: panels{data: memory}, k: k, n: n}
	packed.width = c.PackedSize(1, n)
	c.packColumns(&p, &packed.panels, 0, n, 0, k)
	return packed
}

// packColumns packs a part of B on all threads.
func (c *CPU) packColumns(p *Product, into *panels, column, columns, depth, depthEnd int) {
	block := blockDepth(p.K)
	blocks := ceilDivide(depthEnd-depth, block)
	c.parallel(blocks*ceilDivide(columns, fewColumns), func(tile int) {
		k, j := depth+tile%blocks*block, tile/blocks*fewColumns
		size := min(block, depthEnd-k)
		c.packB(p, into.at(column+j, k, size), column+j, min(fewColumns, columns-j), k, size)
	})
}

func (c *CPU) packB(p *Product, panels []float32, column, columns, depth, size int) {
	if columns == 0 || size == 0 {
		return
	}
	start := depth*p.LDB + column
	if p.TransposeB { // [N, K]
		start = column*p.LDB + depth
	}
	c.matmul.pack(panels, p.B[start:], p.LDB, p.TransposeB, size, columns, c.matmul.columns)
}

func (r *productRun) packA(panels []float32, row, rows, depth, size int) {
	if size == 0 {
		return
	}
	start := row*r.LDA + depth
	if r.TransposeA { // [K, M]
		start = depth*r.LDA + row
	}
	r.cpu.matmul.pack(panels, r.A[start:], r.LDA, !r.TransposeA, size, rows, r.height)
}

// blockDepth is the number of products that are summed before they are added to an element of C.
func blockDepth(k int) int { return evenShare(k, maxBlockDepth, 2) }

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
