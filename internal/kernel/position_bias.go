package kernel

import "math"

// positionBiasReach is the distance beyond which all keys share the last bucket.
const positionBiasReach = 128

// PositionBucket is the number of the bucket of a key that lies offset tokens after its query (before it, if
// negative): one bucket per distance at first, then logarithmically wider ones (Raffel et al., "T5", 2020, with the
// rounding of UER-py). In the bidirectional form the upper half of the buckets belongs to the keys after the query;
// otherwise all of those share the query's own bucket.
func PositionBucket(offset, buckets int, bidirectional bool) int {
	base, distance := 0, max(-offset, 0)
	if bidirectional {
		buckets /= 2
		if offset > 0 {
			base, distance = buckets, offset
		}
	}
	exact := buckets / 2
	if distance < exact {
		return base + distance
	}
	share := float32(math.Log(float64(float32(distance)/float32(exact)))) / float32(math.Log(positionBiasReach/float64(exact)))
	return base + min(buckets-1, exact+int(share*float32(buckets-exact)))
}

// PositionBiasForward spreads a table [buckets, heads] into the bias [heads, 2*maxLength-1] of Attention.
func (c *CPU) PositionBiasForward(bias, table []float32, heads, maxLength int, bidirectional bool) {
	offsets := 2*maxLength - 1
	requireLength("bias", len(bias), heads*offsets)
	buckets := rowCount("table", table, heads)
	for i := range offsets {
		bucket := PositionBucket(i-maxLength+1, buckets, bidirectional)
		for head := range heads {
			bias[head*offsets+i] = table[bucket*heads+head]
		}
	}
}

// PositionBiasBackward sums the gradient dbias [heads, 2*maxLength-1] into that of the table [buckets, heads], or adds to it.
func (c *CPU) PositionBiasBackward(dtable, dbias []float32, heads, maxLength int, bidirectional, accumulate bool) {
	offsets := 2*maxLength - 1
	requireLength("dbias", len(dbias), heads*offsets)
	buckets := rowCount("dtable", dtable, heads)
	if !accumulate {
		clear(dtable)
	}
	for i := range offsets {
		bucket := PositionBucket(i-maxLength+1, buckets, bidirectional)
		for head := range heads {
			dtable[bucket*heads+head] += dbias[head*offsets+i]
		}
	}
}
