package instance

import "math/bits"

// maxSampled is the number of different documents up to which duplicates are counted exactly; of more, a sample of
// between half as many and this many is counted.
const maxSampled = 1 << 16

// Duplicates finds out how many documents are equal to another one. It counts documents by a hash of their text, at most
// maxSampled different ones: those whose hash ends with Level zero bits. Level is the smallest that keeps the bound, so
// that the sample depends only on which documents there are.
type Duplicates struct {
	Level  int
	Counts map[uint64]int64 // of the documents of the sample, by hash
}

// levelOf is the number of zero bits at the end of a hash.
func levelOf(hash uint64) int { return bits.TrailingZeros64(hash) }

func (d *Duplicates) add(hash uint64, count int64) {
	if levelOf(hash) < d.Level {
		return
	}
	if d.Counts == nil {
		d.Counts = map[uint64]int64{}
	}
	d.Counts[hash] += count
	for len(d.Counts) > maxSampled {
		d.raise(d.Level + 1)
	}
}

func (d *Duplicates) raise(level int) {
	d.Level = level
	for hash := range d.Counts {
		if levelOf(hash) < level {
			delete(d.Counts, hash)
		}
	}
}

// Add adds the documents of another part of the corpus.
func (d *Duplicates) Add(more *Duplicates) {
	if more.Level > d.Level {
		d.raise(more.Level)
	}
	for hash, count := range more.Counts {
		d.add(hash, count)
	}
}

// Exact reports whether all documents are in the sample.
func (d *Duplicates) Exact() bool { return d.Level == 0 }

// Share is the share of the sampled documents that are equal to an earlier one. Of many documents it is an estimate.
func (d *Duplicates) Share() float64 {
	total := int64(0)
	for _, count := range d.Counts {
		total += count
	}
	return share(total-int64(len(d.Counts)), total)
}
