package kernel

import "uer/internal/kernel/routine"

// A product is cut up three times, once for each level of memory:
//
//   - A register tile, a few rows of A by a few vectors of columns of B, is summed over a block of K in registers. Both
//     factors are packed into panels as wide as the tile, in the order in which the tile reads them.
//   - A tile of work packs a few panels of one factor, which stay in the second-level cache, and multiplies them by all
//     panels of the other.
//   - That other factor, the smaller one, is packed a chunk at a time, which all threads share in the third-level cache.
//
// Only the blocks of K affect the result: an element is summed within a block, then block after block. They depend on K
// alone, so the result depends neither on the threads nor on whether B was packed in advance.
const (
	minLines    = 64      // of a tile; reading fewer elements from a row costs as much
	packedLines = 96      // of what is packed for all threads, in one go
	minTile     = 1 << 16 // multiply-adds that are worth a tile
)

// productScratch holds packed factors. Its size is bounded, whatever the product.
type productScratch struct {
	shared  []float32
	workers [][]float32
}

// ProductScratch is about how many elements of memory products in a precision take at most.
func (c *CPU) ProductScratch(precision Precision) int {
	m := &c.table.Matmul[precision]
	return c.sizes.chunk + c.Threads()*c.sizes.lines(m)*lineSize(m)
}

// factor is a factor of a product as packing sees it. Its lines are the rows of A or the columns of B.
type factor struct {
	x         Array
	leading   int
	transpose bool // a line lies in a row of x
	lines     int
	isB       bool    // it is B, not A
	width     int     // lines in a panel
	stride    int     // elements from one unit of K to the next in a panel
	packed    *panels // nil unless it was packed in advance
}

// productRun is a product being computed. All tiles of a chunk share one factor; each has its own lines of the other.
type productRun struct {
	Product
	cpu         *CPU
	matmul      *routine.Matmul
	shared, own factor
	sharesA     bool
	blockDepth  int // of a block of K

	chunkLines, chunkDepth int // of the shared factor
	tileLines              int // of the other

	// The current chunk.
	panels      panels
	line, lines int // of the shared factor
	start, end  int // in K
}

func (c *CPU) newProductRun(p Product) *productRun {
	m := &c.table.Matmul[p.Precision]
	a := factor{x: p.A, leading: p.LDA, transpose: !p.TransposeA, lines: p.M}
	a.width, a.stride = panelOfA(m, p.M)
	b := factor{x: p.B, leading: p.LDB, transpose: p.TransposeB, lines: p.N, isB: true}
	b.width, b.stride = panelOfB(m)
	if p.Packed != nil {
		b.packed = &p.Packed.panels
	}
	if p.C.Halves != nil {
		p.Scratch = p.Scratch[:c.PartialSums(p.M, p.LDC, p.K, p.Precision)]
	}
	run := &productRun{Product: p, cpu: c, matmul: m, blockDepth: blockDepth(m, p.K)}
	// A packed matrix is best shared, unless there are too few rows to give every thread a tile.
	run.sharesA = p.M <= p.N && (p.Packed == nil || p.M <= c.sizes.lines(m))
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
		elements := r.cpu.sizes.chunk / r.matmul.UnitSize * r.matmul.Unit
		blocks := max(1, elements/(r.shared.lines*r.blockDepth))
		r.chunkDepth = evenShare(routine.CeilDivide(r.K, r.blockDepth), blocks, 1) * r.blockDepth
		r.chunkLines = evenShare(r.shared.lines, max(1, elements/r.chunkDepth), r.shared.width)
	}
	lines := min(max(minLines, r.own.lines/r.cpu.wantedTiles(r.matmul)), r.cpu.sizes.lines(r.matmul))
	lines = max(lines, minTile/max(1, r.shared.lines*r.K))
	r.tileLines = evenShare(r.own.lines, lines, r.own.width)
}

// wantedTiles is how many tiles let threads finish together, unless they would have fewer than minLines.
func (c *CPU) wantedTiles(m *routine.Matmul) int {
	if m.WholeRows { // so fast that reading the shared factor for every tile costs more
		return 4 * c.Threads()
	}
	return 32
}

// chunk computes the chunk that begins with a line of the shared factor and an index in K.
func (r *productRun) chunk(line, start int) {
	r.line, r.lines = line, min(r.chunkLines, r.shared.lines-line)
	r.start, r.end = start, min(start+r.chunkDepth, r.K)
	if r.shared.packed != nil {
		r.panels = *r.shared.packed
	} else {
		r.panels = newPanels(r.matmul, &r.shared, r.lines)
		r.panels.first, r.panels.depth = line, start
		r.cpu.product.shared = grow(r.cpu.product.shared, r.panels.size(r.end-start))
		r.panels.data = r.cpu.product.shared
		r.cpu.packChunk(r.matmul, &r.shared, &r.panels, r.lines, r.end-start, r.blockDepth)
	}
	r.cpu.parallelWorker(routine.CeilDivide(r.own.lines, r.tileLines), r.tile)
}

// tile multiplies a range of lines by the chunk.
func (r *productRun) tile(worker, tile int) {
	line := tile * r.tileLines
	count := min(r.tileLines, r.own.lines-line)
	row, rows, column, columns := line, count, r.line, r.lines
	if r.sharesA {
		row, rows, column, columns = r.line, r.lines, line, count
	}
	t := routine.Multiply{Rows: rows, Columns: columns, ByRows: r.sharesA, Leading: r.LDC}
	first := row*r.LDC + column // of C
	for depth := r.start; depth == r.start || depth < r.end; depth += r.blockDepth {
		size := min(r.blockDepth, r.end-depth)
		t.B, t.A = r.panels.at(r.line, depth, size), r.ownPanels(worker, line, count, depth, size)
		t.Height, t.Stride = r.own.width, r.own.stride
		if r.sharesA {
			t.A, t.B, t.Height, t.Stride = t.B, t.A, r.shared.width, r.shared.stride
		}
		t.Depth = routine.CeilDivide(size, r.matmul.Unit)
		r.sums(&t, first, depth == 0, depth+size == r.K)
		if depth+size == r.K {
			r.finish(&t, row, column)
		}
		r.matmul.Multiply(t)
	}
}

// sums says where the sums of a block of K go and what they are added to: C, but for the partial sums of a C in bfloat16.
func (r *productRun) sums(t *routine.Multiply, first int, begins, ends bool) {
	c := r.C.From(first)
	t.C, t.Addend = c, c
	if len(r.Scratch) > 0 && c.Halves != nil {
		t.C = Floats(r.Scratch[first:])
		t.Addend = t.C
	}
	if ends {
		t.C = c
	}
	if begins {
		t.Addend = c
		if !r.Accumulate {
			t.Addend = Array{}
		}
	}
}

// finish makes the last block of K apply what follows the sums.
func (r *productRun) finish(t *routine.Multiply, row, column int) {
	t.Activation = r.Activation
	if r.Bias != nil {
		t.Bias = r.Bias[column : column+t.Columns]
	}
	if r.PreActivation.Present() {
		t.PreActivation = r.PreActivation.From(row*r.LDC + column)
	}
	if r.Rows != nil {
		t.Dropout, t.RowNumbers, t.FirstColumn = r.Dropout, r.Rows[row:row+t.Rows], column
	}
	if r.Residual.Present() {
		t.Residual = r.Residual.From(row*r.LDC + column)
	}
}

// ownPanels returns the tile's lines of its own factor, packed, in one block of K.
func (r *productRun) ownPanels(worker, first, count, depth, size int) []float32 {
	if r.own.packed != nil {
		return r.own.packed.at(first, depth, size)
	}
	p := newPanels(r.matmul, &r.own, count)
	memory := &r.cpu.product.workers[worker]
	*memory = grow(*memory, p.size(size))
	packBlock(r.matmul, &r.own, *memory, first, count, depth, size)
	return *memory
}
