package kernel

import "testing"

// The backward direction is the transpose of the forward one: <forward(table), d> = <table, backward(d)>.
func TestPositionBiasBackwardIsTheTranspose(t *testing.T) {
	const heads, offsets, buckets = 3, 79, 8
	cpu := newTestCPU(t, "portable", 1)
	table, d := make([]float32, buckets*heads), make([]float32, heads*offsets)
	for i := range table {
		table[i] = float32(i%7) - 3
	}
	for i := range d {
		d[i] = float32(i%11) - 5
	}
	bucketOf := make([]int32, offsets)
	for i := range bucketOf {
		bucketOf[i] = int32(i * i % buckets)
	}
	bias, dtable := make([]float32, len(d)), make([]float32, len(table))
	cpu.PositionBiasForward(bias, table, heads, bucketOf)
	cpu.PositionBiasBackward(dtable, d, heads, bucketOf, false)
	cpu.PositionBiasBackward(dtable, d, heads, bucketOf, true)
	if left, right := weighted(bias, d), weighted(table, dtable); 2*left != right {
		t.Errorf("<forward(table), d> = %v, half of <table, backward(d)> = %v", left, right/2)
	}
}
