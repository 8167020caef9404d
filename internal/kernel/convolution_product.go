package kernel

import "uer/internal/kernel/routine"

// windowProduct is a product one of whose factors is made of windows over the rows of a matrix. Windows overlap and stop at
// the ends of sequences, so they do not form a matrix in memory: a tile of work copies the ones it is about to pack.
//
// As in a Product, sums are taken over blocks of K, one after the other. The other factor is packed whole, for all tiles, so
// that a tile can go through all blocks while its part of the result is in the cache. Reading that factor once for each tile
// costs less than reading and writing the result once for each block would.
type windowProduct struct {
	cpu               *CPU
	matmul            *routine.Matmul
	depth, blockDepth int // K and the size of its blocks
	windows           windowFactor
	multiple          int  // a tile has a multiple of that many lines of the windows, if more than a panel has
	windowsAreA       bool // otherwise they are B
	others            []windowTerm
	// done is called with the sums of each complete tile, those of the first of others; or nil.
	done func(s *stage, sums []float32, line, lines int)
}

// windowTerm is a matrix that the windows are multiplied by, and the result.
type windowTerm struct {
	windowFactor
	to      Output
	leading int       // of to, where its rows are adjacent if they are those of the windows
	bias    []float32 // nil for none
	panels  []float32 // packed, block after block
}

// windowFactor is a factor of a windowProduct. Its lines are the rows of A or the columns of B.
type windowFactor struct {
	lines, width, stride int // of the panels: lines in one, and elements from one unit of K to the next
	isB                  bool
	gather               gather
	across               bool
}

// gather copies the elements [start, start+size) of some lines, as a matrix [lines, size] if across, otherwise [size, lines].
type gather func(s *stage, to []float32, line, lines, start, size int)

func factorA(m *routine.Matmul, lines int, across bool, gather gather) windowFactor {
	width, stride := panelOfA(m, lines)
	return windowFactor{lines, width, stride, false, gather, across}
}

func factorB(m *routine.Matmul, lines int, across bool, gather gather) windowFactor {
	width, stride := panelOfB(m)
	return windowFactor{lines, width, stride, true, gather, across}
}

// run computes the product.
func (p *windowProduct) run() {
	p.packOthers()
	lines := min(max(minLines, p.windows.lines/p.cpu.wantedTiles(p.matmul)), p.cpu.sizes.lines(p.matmul))
	tileLines := evenShare(p.windows.lines, lines, max(p.multiple, p.windows.width))
	p.cpu.parallelWorker(routine.CeilDivide(p.windows.lines, tileLines), func(worker, tile int) {
		line := tile * tileLines
		p.tile(worker, line, min(tileLines, p.windows.lines-line))
	})
}

// blocks is the number of blocks of K.
func (p *windowProduct) blocks() int { return max(1, routine.CeilDivide(p.depth, p.blockDepth)) }

// extent is where a block of K starts, and its size.
func (p *windowProduct) extent(block int) (start, size int) {
	start = block * p.blockDepth
	return start, min(p.blockDepth, p.depth-start)
}

// tile multiplies some lines of the windows, block after block of K. The sums of what is stored in bfloat16 stay in the stage.
func (p *windowProduct) tile(worker, line, lines int) {
	s := p.cpu.stage(worker)
	var sums []Output
	for i := range p.others {
		sums = append(sums, s.output(p.result(&p.others[i], line, lines)))
	}
	for block := range p.blocks() {
		p.block(worker, s, sums, line, lines, block)
	}
	if p.done != nil {
		p.done(s, sums[0].To.Floats, line, lines)
	}
	for i := range p.others {
		s.finish(p.result(&p.others[i], line, lines), sums[i])
	}
}

// result is where the products of some lines of the windows go.
func (p *windowProduct) result(o *windowTerm, line, lines int) Output {
	if p.windowsAreA {
		return o.to.Slice(line*o.leading, (line+lines)*o.leading)
	}
	return o.to.Slice(line, o.to.To.Len())
}

// block adds to the sums of some lines of the windows those over a block of K.
func (p *windowProduct) block(worker int, s *stage, sums []Output, line, lines, block int) {
	start, size := p.extent(block)
	windows := p.pack(&p.windows, worker, s, nil, line, lines, start, size)
	for i := range p.others {
		o := &p.others[i]
		panels := p.panels(o, block)
		t := routine.Multiply{C: sums[i].To, Leading: o.leading, Depth: routine.CeilDivide(size, p.matmul.Unit)}
		if p.windowsAreA {
			t.Rows, t.Columns, t.A, t.B = lines, o.lines, windows, panels
			t.Height, t.Stride = p.windows.width, p.windows.stride
		} else {
			t.Rows, t.Columns, t.A, t.B = o.lines, lines, panels, windows
			t.Height, t.Stride, t.ByRows = o.width, o.stride, true
		}
		if sums[i].Accumulate || start > 0 {
			t.Addend = t.C
		}
		if start+size == p.depth {
			t.Bias = o.bias
		}
		p.matmul.Multiply(t)
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
		group := max(1, packedLines/o.width) * o.width
		groups := routine.CeilDivide(o.lines, group)
		p.cpu.parallelWorker(groups*p.blocks(), func(worker, tile int) {
			line, block := tile%groups*group, tile/groups
			start, size := p.extent(block)
			panels := p.panels(o, block)[p.panelsLength(&o.windowFactor, line, size):]
			p.pack(&o.windowFactor, worker, p.cpu.stage(worker), panels, line, min(group, o.lines-line), start, size)
		})
	}
}

// panels are the packed lines of a factor in a block of K.
func (p *windowProduct) panels(o *windowTerm, block int) []float32 {
	return o.panels[block*p.panelsLength(&o.windowFactor, o.lines, p.blockDepth):]
}

// packedLength is the number of elements of all panels of a factor.
func (p *windowProduct) packedLength(o *windowTerm) int {
	_, last := p.extent(p.blocks() - 1)
	return (p.blocks()-1)*p.panelsLength(&o.windowFactor, o.lines, p.blockDepth) + p.panelsLength(&o.windowFactor, o.lines, last)
}

// pack packs some lines of a factor in a block of K, into memory of the worker if panels is nil.
func (p *windowProduct) pack(f *windowFactor, worker int, s *stage, panels []float32, line, lines, start, size int) []float32 {
	gathered, packed := routine.RoundUp(lines*size, routine.CacheLine), p.panelsLength(f, lines, size)
	memory := grow(p.cpu.product.workers[worker], gathered+packed)
	p.cpu.product.workers[worker] = memory
	if panels == nil {
		panels = memory[gathered:]
	}
	if size == 0 {
		return panels
	}
	f.gather(s, memory[:lines*size], line, lines, start, size)
	leading := lines
	if f.across {
		leading = size
	}
	p.matmul.Pack(routine.Pack{
		Panels: panels, X: Floats(memory[:lines*size]), Leading: leading, Transpose: f.across,
		Depth: size, Count: lines, Width: f.width, Stride: f.stride, OfB: f.isB,
	})
	return panels
}

// panelsLength is the number of elements of the panels of some lines in a block of K.
func (p *windowProduct) panelsLength(f *windowFactor, lines, size int) int {
	return routine.CeilDivide(lines, f.width) * f.stride * routine.CeilDivide(size, p.matmul.Unit)
}
