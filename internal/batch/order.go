package batch

import "uer/internal/random"

// order says which instances a rank gets, as in UER-py. Instances are numbered consecutively through all passes over the
// file, and a rank gets those whose number modulo the number of ranks is its own. They are collected in a buffer until
// it is full or the file ends, shuffled, and handed out in batches; the last batch of a buffer may be short.
//
// generator, read and next are the position in the data from which training can be resumed.
type order struct {
	length   int // of the file, in instances
	rank     int
	world    int
	capacity int // of the buffer

	generator *random.Python
	read      int   // instances passed, of all ranks
	buffer    []int // shuffled
	next      int   // in buffer
	swap      func(i, j int)
}

func newOrder(length, rank, world, capacity int, generator *random.Python) *order {
	o := &order{length: length, rank: rank, world: world, capacity: capacity, generator: generator}
	o.swap = func(i, j int) { o.buffer[i], o.buffer[j] = o.buffer[j], o.buffer[i] }
	return o
}

// take returns the instances of the next batch: size of them, or what is left in the buffer. They are valid until the
// next call.
func (o *order) take(size int) []int {
	for o.next == len(o.buffer) {
		o.fill()
	}
	batch := o.buffer[o.next:min(o.next+size, len(o.buffer))]
	o.next += len(batch)
	return batch
}

// fill reads up to the end of the file at most. It may find none for this rank.
func (o *order) fill() {
	o.buffer, o.next = o.buffer[:0], 0
	for len(o.buffer) < o.capacity {
		if o.read%o.world == o.rank {
			o.buffer = append(o.buffer, o.read%o.length)
		}
		o.read++
		if o.read%o.length == 0 {
			break
		}
	}
	o.generator.Shuffle(len(o.buffer), o.swap)
}
