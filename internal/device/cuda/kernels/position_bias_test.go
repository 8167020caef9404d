//go:build gpu

package kernels

import (
	"testing"

	"uer/internal/op"
)

func TestPositionBias(t *testing.T) {
	c := newCPU(t)
	for _, length := range []int{1, 5, 200} {
		for _, bidirectional := range []bool{false, true} {
			const buckets, heads = 32, 3
			offsets := 2*length - 1
			bucketOf := op.PositionBuckets(length, buckets, bidirectional)
			table, want, got := random(1, buckets*heads), unset(heads*offsets), unset(heads*offsets)
			c.PositionBiasForward(want, table, heads, bucketOf)
			launch(t, "position_bias", grid{ceilDivide(heads*offsets, 256)}, got, table, bucketOf, heads, offsets)
			compareAll(t, "position bias", got, doubles(want), 0)

			for _, accumulate := range []bool{false, true} {
				dbias, dtable, wantTable := random(2, heads*offsets), random(3, buckets*heads), random(3, buckets*heads)
				c.PositionBiasBackward(wantTable, dbias, heads, bucketOf, accumulate)
				launch(t, "position_bias_gradient", warpGrid(buckets*heads), dtable, dbias, bucketOf, buckets, heads, offsets, accumulate)
				compareWithin(t, "position bias gradient", dtable, doubles(wantTable), 1e-5)
			}
		}
	}
}
