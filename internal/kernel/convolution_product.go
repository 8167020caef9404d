package kernel

// windowProduct is a product of which one factor is made of windows over the rows of a matrix. Windows overlap, and end where
// a sequence does, so they are no matrix in memory: a tile of work copies what it is about to pack of them.
//
// As in a Product, sums are taken over blocks of K, one block after the other. The factor that is not made of windows is
// packed whole, for all tiles: a tile then goes through all blocks while its part of the result is in the cache. Reading
// the other factor for each tile takes less than reading and writing the result for each block would.
type windowProduct struct {
	cpu          *CPU
	routines     *matmulRoutines
	depth, block int // K and the size of its blocks
	windows      windowFactor
	multiple     int  // lines of the windows that a tile does not divide, if more than a panel's
	windowsAreA  bool // or they are B
	others       []windowTerm
	done         func(line, lines int) // called when a tile is complete, for the lines of the windows in it; or nil
}

// windowTerm is a matrix that the windows are multiplied by, and what comes of it.
type windowTerm struct {
	windowFactor
	c          []float32
	leading    int // of c
	accumulate bool
	bias       []float32 // nil for none
	panels     []float32 // packed, block after block
}

// windowFactor is a factor of a windowProduct. Its lines are the rows of A or the columns of B.
type windowFactor struct {
	lines, width, stride int // of the panels: lines in one, and elements from one index in K to the next
	// gather copies the elements [start, start+size) of some lines, as a matrix [lines, size] if across, else [size, lines].
	gather func(to []float32, line, lines, start, size int)
	across bool
}

func (m *matmulRoutines) factorA(lines int, across bool, gather func(to []float32, line, lines, start, size int)) windowFactor {
	width := evenShare(lines, m.rows, 1)
	return windowFactor{lines, width, panelStride(width), gather, across}
}

func (m *matmulRoutines) factorB(lines int, across bool, gather func(to []float32, line, lines, start, size int)) windowFactor {
	return windowFactor{lines, m.columns, m.columns, gather, across}
}

// run computes the product.
func (p *windowProduct) run() {
	p.packOthers()
	lines := min(max(minLines, p.windows.lines/tiles), p.cpu.sizes.lines)
	tileLines := evenShare(p.windows.lines, lines, max(p.multiple, p.windows.width))
	p.cpu.parallelWorker(ceilDivide(p.windows.lines, tileLines), func(worker, tile int) {
		line := tile * tileLines
		for block := range p.blocks() {
			p.tile(worker, line, min(tileLines, p.windows.lines-line), block)
		}
	})
}

// blocks is the number of blocks of K.
func (p *windowProduct) blocks() int { return max(1, ceilDivide(p.depth, p.block)) }

// extent is where a block of K starts, and its size.
func (p *windowProduct) extent(block int) (start, size int) {
	start = block * p.block
	return start, min(p.block, p.depth-start)
}

// tile multiplies some lines of the windows in a block of K.
func (p *windowProduct) tile(worker, line, lines, block int) {
	start, size := p.extent(block)
	windows := p.pack(&p.windows, worker, nil, line, lines, start, size)
	last := start+size == p.depth
	for i := range p.others {
		o := &p.others[i]
		panels := p.panels(o, block)
		t := productTile{leading: o.leading, accumulate: o.accumulate || start > 0, depth: ceilDivide(size, p.routines.slot)}
		if p.windowsAreA {
			t.rows, t.columns, t.a, t.b, t.c = lines, o.lines, windows, panels, o.c[line*o.leading:]
			t.height, t.stride = p.windows.width, p.windows.stride
		} else {
			t.rows, t.columns, t.a, t.b, t.c = o.lines, lines, panels, windows, o.c[line:]
			t.height, t.stride, t.byRows = o.width, o.stride, true
		}
		if last {
			t.bias = o.bias
		}
		p.routines.multiply(t)
	}
	if last && p.done != nil {
		p.done(line, lines)
	}
}

// packOthers packs the factors that all tiles share.
func (p *windowProduct) packOthers() {
	length := 0
	for i := range p.others {
		length += p.packedLength(&p.others[i])
	}
	p.cpu.product.shared = grow(p.cpu.product.shared, length)
	memory := p.cpu.product.shared
	for i := range p.others {
		o := &p.others[i]
		n := p.packedLength(o)
		o.panels, memory = memory[:n], memory[n:]
		group := max(1, p.cpu.sizes.lines/o.width) * o.width
		groups := ceilDivide(o.lines, group)
		p.cpu.parallelWorker(groups*p.blocks(), func(worker, tile int) {
			line, block := tile%groups*group, tile/groups
			start, size := p.extent(block)
			panels := p.panels(o, block)[p.panelsLength(&o.windowFactor, line, size):]
			p.pack(&o.windowFactor, worker, panels, line, min(group, o.lines-line), start, size)
		})
	}
}

// panels are the packed lines of a factor in a block of K.
func (p *windowProduct) panels(o *windowTerm, block int) []float32 {
	return o.panels[block*p.panelsLength(&o.windowFactor, o.lines, p.block):]
}

// packedLength is the number of elements of all panels of a factor.
func (p *windowProduct) packedLength(o *windowTerm) int {
	_, last := p.extent(p.blocks() - 1)
	return (p.blocks()-1)*p.panelsLength(&o.windowFactor, o.lines, p.block) + p.panelsLength(&o.windowFactor, o.lines, last)
}

// pack packs some lines of a factor in a block of K, into memory of the worker if panels is nil.
func (p *windowProduct) pack(f *windowFactor, worker int, panels []float32, line, lines, start, size int) []float32 {
	gathered, packed := roundUp(lines*size, scratchLine), p.panelsLength(f, lines, size)
	memory := grow(p.cpu.product.workers[worker], gathered+packed)
	p.cpu.product.workers[worker] = memory
	if panels == nil {
		panels = memory[gathered:]
	}
	if size == 0 {
		return panels
	}
	f.gather(memory[:lines*size], line, lines, start, size)
	leading := lines
	if f.across {
		leading = size
	}
	p.routines.pack(panels, memory[:lines*size], leading, f.across, size, lines, f.width, f.stride)
	return panels
}

// panelsLength is the number of elements of the panels of some lines in a block of K.
func (p *windowProduct) panelsLength(f *windowFactor, lines, size int) int {
	return ceilDivide(lines, f.width) * f.stride * ceilDivide(size, p.routines.slot)
}
