package op

import (
	"math"

	"uer/internal/graph"
)

// PositionBias looks up the bias of each offset of a key from a query in a table that has a row for each bucket of offsets
// (Raffel et al. 2020). Input: table [buckets, heads]. Output: [heads, 2·MaxLength−1].
type PositionBias struct {
	MaxLength     int
	Bidirectional bool // keys after the query have their own buckets
}

// Name implements graph.Op.
func (PositionBias) Name() string { return "position bias" }

// OutputShapes implements graph.Op.
func (o PositionBias) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	_, heads, err := matrix("the table", in[0])
	return []graph.Shape{{heads, 2*o.MaxLength - 1}}, err
}

// HasGradient implements graph.Differentiable.
func (PositionBias) HasGradient() []bool { return []bool{true} }

// Grad implements graph.Differentiable.
func (o PositionBias) Grad(b *graph.Builder, in []*graph.Node, _ func(int) *graph.Node, dy *graph.Node) []*graph.Node {
	gradient := PositionBiasGradient{
		MaxLength: o.MaxLength, Bidirectional: o.Bidirectional, Buckets: graph.Dimensions(in[0])[0],
	}
	return []*graph.Node{b.Apply(gradient, dy)}
}

// PositionBiasGradient is the gradient of PositionBias. Input: dy [heads, 2·MaxLength−1]. Output: [Buckets, heads].
type PositionBiasGradient struct {
	MaxLength     int
	Bidirectional bool
	Buckets       int
}

// Name implements graph.Op.
func (PositionBiasGradient) Name() string { return "position bias gradient" }

// OutputShapes implements graph.Op.
func (o PositionBiasGradient) OutputShapes(in []graph.Shape) ([]graph.Shape, error) {
	return []graph.Shape{{o.Buckets, in[0][0]}}, nil
}

// positionBiasReach is the distance from which on all keys share the last bucket.
const positionBiasReach = 128

// PositionBuckets returns the row of the table for each offset of a key from its query, [2·maxLength−1]: first the key
// maxLength−1 tokens before the query, last the one as far after it.
func PositionBuckets(maxLength, buckets int, bidirectional bool) []int32 {
	rows := make([]int32, 2*maxLength-1)
	for i := range rows {
		rows[i] = int32(positionBucket(i-maxLength+1, buckets, bidirectional))
	}
	return rows
}

// positionBucket is the bucket of a key that lies offset tokens after its query, before it if negative: one bucket per
// distance at first, then logarithmically wider ones (Raffel et al. 2020, with the rounding of UER-py). In the
// bidirectional form the upper half of the buckets belongs to the keys after the query; otherwise all of these share the
// query's own bucket.
func positionBucket(offset, buckets int, bidirectional bool) int {
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
