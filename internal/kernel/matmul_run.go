package kernel

// A product is cut three times, each time for a level of the memory:
//
//   - A register tile, a few rows of A by a few vectors of B's columns, is summed over a block of K in registers. The
//     operands are packed into panels as wide as the tile, in the order in which the tile reads them.
//   - A tile of work packs a few panels of one operand, which stay in the second-level cache, and multiplies them by all
//     panels of the other.
//   - Of that other operand, the smaller one, a chunk is packed at a time and shared by all threads in the third-level
//     cache.
//
// Of these only the blocks of K affect the result: an element is summed within a block, then block after block. They
// depend on K alone, so the result depends neither on the threads nor on whether B came packed.
const (
	maxDepth  = 768     // of a panel; no matter how large caches are, or results would differ between machines
	minLines  = 64      // of a tile; reading fewer from a row costs as much
	tiles     = 32      // wanted if that leaves minLines, so that threads finish together
	leastTile = 1 << 16 // multiply-adds that are worth a tile
)

// matmulRoutines are the parts of a product that depend on the instruction set. The register tile is [rows, columns].
type matmulRoutines struct {
	rows, columns int
	slot          int // elements of K that a float32 of a panel holds: 1, or 2 in bfloat16

	// pack copies a matrix [depth, count] into panels [depth/slot, stride] of width lines each, filled up with zeros.
	// Element (k, i) is x[k*leading+i], or x[i*leading+k] if transpose.
	pack func(panels, x []float32, leading int, transpose bool, depth, count, width, stride int)

	// multiply adds the product of packed panels to a block of C, or stores it there.
	multiply func(t productTile)

	// limit does multiply-adds in registers and returns how many floating-point operations these were.
	limit func(rounds int) int
}

// productTile is the work of multiply: C = dropout(activation(A B + bias)) + residual, with C added to the sum if
// accumulate.
type productTile struct {
	rows, columns, depth int       // depth: of the panels
	height, stride       int       // of a panel of A: height rows, at most matmulRoutines.rows
	a                    []float32 // panels [depth, stride]
	b                    []float32 // panels [depth, matmulRoutines.columns]
	byRows               bool      // takes the panels of A one after the other, with each all of B; else the other way round
	c                    []float32 // [rows, columns]
	leading              int       // of c, before and residual
	accumulate           bool
	bias                 []float32 // [columns], or nil
	activation           Activation
	before               []float32 // as c, or nil
	dropout              Dropout
	numbers              []int32   // [rows], the numbers of the rows for dropout; nil if nothing is dropped
	firstColumn          int       // of c, among the columns of the whole
	residual             []float32 // as c, or nil
}

// productScratch holds packed operands. Its size is bounded, whatever the product.
type productScratch struct {
	shared  []float32
	workers [][]float32
}

// factor is an operand of a product as packing sees it. Its lines are the rows of A or the columns of B.
type factor struct {
	x         []float32
	leading   int
	transpose bool // a line lies in a row of x
	lines     int
	width     int     // lines in a panel
	stride    int     // elements from one index in K to the next in a panel
	packed    *panels // if it has been packed before the product
}

// productRun is a product under way. One factor is shared by all tiles of a chunk; each tile has its own lines of the
// other.
type productRun struct {
	Product
	cpu         *CPU
	routines    *matmulRoutines
	shared, own factor
	sharesA     bool
	blockDepth  int // of a block of K

	chunkLines, chunkDepth int // of the shared factor
	tileLines              int // of the other

	// The chunk in work.
	panels      panels
	line, lines int // of the shared factor
	start, end  int // in K
}

func (c *CPU) newProductRun(p Product) *productRun {
	m := c.matmulIn(p.Precision)
	a := factor{x: p.A, leading: p.LDA, transpose: !p.TransposeA, lines: p.M, width: evenShare(p.M, m.rows, 1)}
	a.stride = panelStride(a.width)
	b := factor{x: p.B, leading: p.LDB, transpose: p.TransposeB, lines: p.N, width: m.columns, stride: m.columns}
	if p.Packed != nil {
		b.packed = &p.Packed.panels
	}
	run := &productRun{Product: p, cpu: c, routines: m, blockDepth: m.blockDepth(p.K)}
	// A packed matrix is best left to be shared, unless there are too few rows for as many tiles as there are threads.
	run.sharesA = p.M <= p.N && (p.Packed == nil || p.M <= c.sizes.lines)
	if run.shared, run.own = b, a; run.sharesA {
		run.shared, run.own = a, b
	}
	run.cut()
	return run
}

// cut chooses the sizes of chunks and tiles.
func (r *productRun) cut() {
	r.chunkLines, r.chunkDepth = r.shared.lines, max(1, r.K)
	if r.shared.packed == nil {
		elements := r.cpu.sizes.chunk * r.routines.slot
		blocks := max(1, elements/(r.shared.lines*r.blockDepth))
		r.chunkDepth = evenShare(ceilDivide(r.K, r.blockDepth), blocks, 1) * r.blockDepth
		r.chunkLines = evenShare(r.shared.lines, max(1, elements/r.chunkDepth), r.shared.width)
	}
	lines := min(max(minLines, r.own.lines/tiles), r.cpu.sizes.lines)
	lines = max(lines, leastTile/max(1, r.shared.lines*r.K))
	r.tileLines = evenShare(r.own.lines, lines, r.own.width)
}

// chunk adds what comes of the lines of the shared factor from one on, and of K from one index on.
func (r *productRun) chunk(line, start int) {
	r.line, r.lines = line, min(r.chunkLines, r.shared.lines-line)
	r.start, r.end = start, min(start+r.chunkDepth, r.K)
	if r.shared.packed != nil {
		r.panels = *r.shared.packed
	} else {
		r.panels = r.routines.panels(&r.shared, r.lines)
		r.panels.first, r.panels.depth = line, start
		r.cpu.product.shared = grow(r.cpu.product.shared, r.panels.size(r.end-start))
		r.panels.data = r.cpu.product.shared
		r.cpu.packChunk(r.routines, &r.shared, &r.panels, r.lines, r.end-start, r.blockDepth)
	}
	r.cpu.parallelWorker(ceilDivide(r.own.lines, r.tileLines), r.tile)
}

// tile multiplies a range of lines by the chunk.
func (r *productRun) tile(worker, tile int) {
	first := tile * r.tileLines
	count := min(r.tileLines, r.own.lines-first)
	row, rows, column, columns := first, count, r.line, r.lines
	if r.sharesA {
		row, rows, column, columns = r.line, r.lines, first, count
	}
	t := productTile{rows: rows, columns: columns, byRows: r.sharesA, c: r.C[row*r.LDC+column:], leading: r.LDC}
	for depth := r.start; depth == r.start || depth < r.end; depth += r.blockDepth {
		size := min(r.blockDepth, r.end-depth)
		t.b, t.a = r.panels.at(r.line, depth, size), r.ownPanels(worker, first, count, depth, size)
		t.height, t.stride = r.own.width, r.own.stride
		if r.sharesA {
			t.a, t.b, t.height, t.stride = t.b, t.a, r.shared.width, r.shared.stride
		}
		t.depth = ceilDivide(size, r.routines.slot)
		t.accumulate = r.Accumulate || depth > 0
		if depth+size == r.K {
			r.finish(&t, row, column)
		}
		r.routines.multiply(t)
	}
}

// finish adds to the last block of K what is done to the sums.
func (r *productRun) finish(t *productTile, row, column int) {
	t.activation = r.Activation
	if r.Bias != nil {
		t.bias = r.Bias[column : column+t.columns]
	}
	if r.Before != nil {
		t.before = r.Before[row*r.LDC+column:]
	}
	if r.Rows != nil {
		t.dropout, t.numbers, t.firstColumn = r.Dropout, r.Rows[row:row+t.rows], column
	}
	if r.Residual != nil {
		t.residual = r.Residual[row*r.LDC+column:]
	}
}

// ownPanels gives a tile's lines of its own factor in one block of K.
func (r *productRun) ownPanels(worker, first, count, depth, size int) []float32 {
	if r.own.packed != nil {
		return r.own.packed.at(first, depth, size)
	}
	p := r.routines.panels(&r.own, count)
	memory := &r.cpu.product.workers[worker]
	*memory = grow(*memory, p.size(size))
	r.routines.packBlock(&r.own, *memory, first, count, depth, size)
	return *memory
}
