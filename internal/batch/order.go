package batch

import (
	"uer/internal/dataset"
	"uer/internal/random"
)

// order says which instances a rank gets, and when.
type order interface {
	// take returns the instances of the next batch, valid until the next call.
	take() []place
	// passed returns the number of instances that have been passed in the search for a batch since the last call of done.
	passed() int
	// done ends the batch that was taken last, and says where the next one begins.
	done(progress *Progress)
}

// place is an instance in the order of all batches.
type place struct {
	ordinal int64 // its number among all instances of all passes and ranks
	number  int   // in the file
}

// global is our own order. Each pass over a file is a permutation of it; the passes follow one another without a gap, and
// the ranks get consecutive parts of them, so that every batch is full and a pass has each instance once. Of a mix, each file
// has passes of its own. What a rank gets is a function of the number of instances before.
type global struct {
	rank, world int
	size        int // of a batch, on each rank
	next        int64
	ahead       int // batches that were taken from next on
	parts       []*passes
	batch       []place
}

func newGlobal(d *dataset.Dataset, o *Options, start int64) *global {
	return &global{rank: o.Rank, world: o.WorldSize, size: o.BatchSize, next: start, parts: partsOf(d, o.Seed)}
}

// take returns this rank's part of the batches that begin at next. If it is called again, it looks further ahead for one
// that can be used in place of the first; the other ranks do not learn of it.
func (g *global) take() []place {
	first := g.next + int64(g.ahead*g.world+g.rank)*int64(g.size)
	g.ahead++
	g.batch = g.batch[:0]
	for ordinal := first; ordinal < first+int64(g.size); ordinal++ {
		part, i := choose(g.parts, ordinal)
		g.batch = append(g.batch, place{ordinal, part.at(i)})
	}
	return g.batch
}

func (g *global) passed() int { return g.ahead * g.world * g.size }

func (g *global) done(p *Progress) {
	g.next += int64(g.world * g.size)
	g.ahead = 0
	p.Instances = g.next
}

// buffered is UER-py's order. Instances are numbered consecutively through all passes over the file, and a rank gets those
// whose number modulo the number of ranks is its own. They are collected in a buffer until it is full or the file ends,
// shuffled, and handed out in batches; the last batch of a buffer may be short.
type buffered struct {
	length      int // of the file, in instances
	rank, world int
	capacity    int // of the buffer
	size        int // of a batch

	generator *random.Python
	filled    random.Python // the generator before the buffer was filled
	from      int           // instances passed before the buffer was filled, of all ranks
	read      int           // instances passed now
	buffer    []place       // shuffled
	next      int           // in buffer
	begun     int           // read when the search for a batch began
	swap      func(i, j int)
}

func newBuffered(length int, o *Options, generator *random.Python) *buffered {
	b := &buffered{length: length, rank: o.Rank, world: o.WorldSize, capacity: o.BufferSize, size: o.BatchSize, generator: generator}
	b.swap = func(i, j int) { b.buffer[i], b.buffer[j] = b.buffer[j], b.buffer[i] }
	return b
}

// take returns what is left in the buffer if it is less than a batch.
func (b *buffered) take() []place {
	for b.next == len(b.buffer) {
		b.fill()
	}
	batch := b.buffer[b.next:min(b.next+b.size, len(b.buffer))]
	b.next += len(batch)
	return batch
}

// fill reads up to the end of the file at most. It may find none for this rank.
func (b *buffered) fill() {
	b.from, b.filled = b.read, *b.generator
	b.buffer, b.next = b.buffer[:0], 0
	for len(b.buffer) < b.capacity {
		if b.read%b.world == b.rank {
			b.buffer = append(b.buffer, place{int64(b.read), b.read % b.length})
		}
		b.read++
		if b.read%b.length == 0 {
			break
		}
	}
	b.generator.Shuffle(len(b.buffer), b.swap)
}

func (b *buffered) passed() int { return b.read - b.begun }

func (b *buffered) done(p *Progress) {
	b.begun = b.read
	p.Instances = int64(min(b.from+b.next*b.world, b.read))
	p.from, p.next, p.filled, p.now = b.from, b.next, b.filled, *b.generator
	p.buffered = true
}

// resume continues where done left off. The buffer is filled again, unless nothing of it was handed out.
func (b *buffered) resume(p *Progress) {
	b.read, *b.generator = p.from, p.filled
	if p.next > 0 {
		b.fill()
		b.next, *b.generator = min(p.next, len(b.buffer)), p.now
	}
	b.begun = b.read
}
