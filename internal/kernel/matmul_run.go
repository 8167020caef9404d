package kernel

// A product is cut three times, each time for a level of the memory:
//
//   - A register tile, a few rows of A by a few vectors of B's columns, is summed over a block of K in registers.
//     Both operands are packed first, so that the tile reads them in the order in which they lie in memory.
//   - A tile of work is a block of rows by a range of columns. Its block of packed A stays in the second-level cache.
//   - A chunk is the part of B that is packed at a time. All tiles of a chunk share it in the third-level cache.
//
// Of these only the blocks of K affect the result: an element is summed within a block, then block after block. They
// depend on K alone, so the result depends neither on the threads nor on whether B came packed.
const (
	maxBlockDepth = 384 // 32 columns fill a first-level cache of 48 KiB
	maxBlockRows  = 112 // with maxBlockDepth 168 KiB, a part of the second-level cache
	maxChunkDepth = 8 * maxBlockDepth
	maxChunk      = 3 << 20 // elements: 12 MiB, a part of the third-level cache
	maxColumns    = 512     // columns of a tile: enough to make up for packing A in every tile
	fewColumns    = 128     // columns of a tile that shares A
	leastTile     = 1 << 16 // multiply-adds that are worth a tile
)

// matmulRoutines are the parts of a product that depend on the instruction set. The register tile is [rows, columns].
type matmulRoutines struct {
	rows, columns int

	// pack copies a matrix [depth, count] into panels [depth, width], the last one filled up with zeros. Element
	// (k, i) is x[k*leading+i], or x[i*leading+k] if transpose.
	pack func(panels, x []float32, leading int, transpose bool, depth, count, width int)

	// multiply adds the product of packed panels to a block of C, or stores it there.
	multiply func(t productTile)

	// limit does multiply-adds in registers and returns how many floating-point operations these were.
	limit func(rounds int) int
}

// productTile is the work of multiply: C = A B + bias, or C += A B + bias.
type productTile struct {
	rows, columns, depth int
	height               int       // rows in a panel of A, at most matmulRoutines.rows
	a                    []float32 // panels [depth, height]
	b                    []float32 // panels [depth, matmulRoutines.columns]
	c                    []float32 // [rows, columns]
	leading              int       // of C
	accumulate           bool
	bias                 []float32 // [columns], or nil
}

// productScratch holds packed operands. Its size is bounded, whatever the product.
type productScratch struct {
	a, b    []float32   // shared by the tiles of a chunk
	workers [][]float32 // what a worker packs for itself
}

// panels is a packed matrix: blocks of K one after the other, in each the panels of all rows of A or columns of B.
type panels struct {
	data         []float32
	width        int // of all panels together
	first, depth int // the row of A or column of B, and the index in K, of the first element
}

// at gives the panels from a row or column on, which begins a panel, in the block [depth, depth+size) of K.
func (p *panels) at(i, depth, size int) []float32 {
	return p.data[(depth-p.depth)*p.width+(i-p.first)*size:]
}

// productRun is a product under way: how it is cut, and what of it is packed.
type productRun struct {
	Product
	cpu                       *CPU
	blockRows, height         int // height: rows in a panel of A
	blockDepth, chunkDepth    int
	chunkColumns, tileColumns int

	// The chunk in work.
	column, columns int
	depth, depthEnd int
	a, b            panels // as far as they are shared by all tiles
}

func (c *CPU) newProductRun(p Product) *productRun {
	tile := &c.matmul
	run := &productRun{Product: p, cpu: c, blockDepth: blockDepth(p.K)}
	run.blockRows = evenShare(p.M, maxBlockRows/tile.rows*tile.rows, 1)
	run.height = evenShare(run.blockRows, tile.rows, 1)
	run.chunkDepth = maxChunkDepth / maxBlockDepth * run.blockDepth
	run.chunkColumns = p.N
	if run.packsB() {
		run.chunkColumns = evenShare(p.N, maxChunk/min(run.chunkDepth, max(1, p.K)), tile.columns)
	}
	limit := maxColumns
	if run.sharesA() {
		limit = max(fewColumns, leastTile/max(1, p.M*p.K))
	}
	run.tileColumns = evenShare(run.chunkColumns, limit, tile.columns)
	return run
}

// sharesA: with one block of rows, A is packed once, and every tile packs its own columns of B, which no other tile needs.
// With more, every tile packs its own rows of A, and B is packed once.
func (r *productRun) sharesA() bool { return r.M <= r.blockRows }
func (r *productRun) packsB() bool  { return !r.sharesA() && r.Packed == nil }

// chunk adds the part of the product that begins at a column of B and an index in K.
func (r *productRun) chunk(column, depth int) {
	r.column, r.columns = column, min(r.chunkColumns, r.N-column)
	r.depth, r.depthEnd = depth, min(depth+r.chunkDepth, r.K)
	if r.sharesA() {
		r.shareA()
	}
	if r.packsB() {
		r.shareB()
	} else if r.Packed != nil {
		r.b = r.Packed.panels
	}
	rowBlocks := ceilDivide(r.M, r.blockRows)
	r.cpu.parallelWorker(rowBlocks*ceilDivide(r.columns, r.tileColumns), func(worker, tile int) {
		row, column := tile%rowBlocks*r.blockRows, tile/rowBlocks*r.tileColumns
		r.tile(worker, row, min(r.blockRows, r.M-row), r.column+column, min(r.tileColumns, r.columns-column))
	})
}

func (r *productRun) shareA() {
	r.a = panels{width: ceilDivide(r.M, r.height) * r.height, depth: r.depth}
	r.cpu.product.a = grow(r.cpu.product.a, (r.depthEnd-r.depth)*r.a.width)
	r.a.data = r.cpu.product.a
	r.cpu.parallel(ceilDivide(r.depthEnd-r.depth, r.blockDepth), func(block int) {
		depth := r.depth + block*r.blockDepth
		size := min(r.blockDepth, r.depthEnd-depth)
		r.packA(r.a.at(0, depth, size), 0, r.M, depth, size)
	})
}

func (r *productRun) shareB() {
	r.b = panels{width: ceilDivide(r.columns, r.cpu.matmul.columns) * r.cpu.matmul.columns, first: r.column, depth: r.depth}
	r.cpu.product.b = grow(r.cpu.product.b, (r.depthEnd-r.depth)*r.b.width)
	r.b.data = r.cpu.product.b
	r.cpu.packColumns(&r.Product, &r.b, r.column, r.columns, r.depth, r.depthEnd)
}

// tile does a block of rows and a range of columns of the chunk.
func (r *productRun) tile(worker, row, rows, column, columns int) {
	t := productTile{rows: rows, columns: columns, height: r.height, c: r.C[row*r.LDC+column:], leading: r.LDC}
	for depth := r.depth; depth == r.depth || depth < r.depthEnd; depth += r.blockDepth {
		t.depth = min(r.blockDepth, r.depthEnd-depth)
		t.a, t.b = r.operands(worker, row, rows, column, columns, depth, t.depth)
		t.accumulate = r.Accumulate || depth > 0
		if depth+t.depth == r.K && r.Bias != nil {
			t.bias = r.Bias[column : column+columns]
		}
		r.cpu.matmul.multiply(t)
	}
	if r.depthEnd == r.K && r.Activation != None {
		r.activate(row, rows, column, columns)
	}
}

// operands gives the packed rows and columns of a tile in one block of K. At most one of them is packed here.
func (r *productRun) operands(worker, row, rows, column, columns, depth, size int) (a, b []float32) {
	own := &r.cpu.product.workers[worker]
	switch {
	case !r.sharesA():
		*own = grow(*own, ceilDivide(rows, r.height)*r.height*size)
		r.packA(*own, row, rows, depth, size)
		return *own, r.b.at(column, depth, size)
	case r.Packed == nil:
		*own = grow(*own, ceilDivide(columns, r.cpu.matmul.columns)*r.cpu.matmul.columns*size)
		r.cpu.packB(&r.Product, *own, column, columns, depth, size)
		return r.a.at(row, depth, size), *own
	}
	return r.a.at(row, depth, size), r.b.at(column, depth, size)
}

// activate finishes a tile that holds the value before the activation.
func (r *productRun) activate(row, rows, column, columns int) {
	for i := row; i < row+rows; i++ {
		start := i*r.LDC + column
		y := r.C[start : start+columns]
		x := y
		if r.Before != nil {
			x = r.Before[start : start+columns]
			copy(x, y)
		}
		r.cpu.rows.activationForward(r.Activation, y, x)
	}
}
