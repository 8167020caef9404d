package kernel

import (
	"encoding/json"
	"os"
	"testing"
)

func TestPositionBucketFollowsUER(t *testing.T) {
	data, err := os.ReadFile("testdata/relative_buckets.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Bidirectional  bool
		Buckets, First int
		Bucket         []int
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for i, want := range c.Bucket {
			if got := PositionBucket(c.First+i, c.Buckets, c.Bidirectional); got != want {
				t.Errorf("offset %d of %d buckets, bidirectional %v: bucket %d, want %d", c.First+i, c.Buckets, c.Bidirectional, got, want)
			}
		}
	}
}

// The backward direction is the transpose of the forward one: <forward(table), d> = <table, backward(d)>.
func TestPositionBiasBackwardIsTheTranspose(t *testing.T) {
	const heads, maxLength, buckets = 3, 40, 8
	cpu := newTestCPU(t, "portable", 1)
	table, d := make([]float32, buckets*heads), make([]float32, heads*(2*maxLength-1))
	for i := range table {
		table[i] = float32(i%7) - 3
	}
	for i := range d {
		d[i] = float32(i%11) - 5
	}
	for _, bidirectional := range []bool{false, true} {
		bias, dtable := make([]float32, len(d)), make([]float32, len(table))
		cpu.PositionBiasForward(bias, table, heads, maxLength, bidirectional)
		cpu.PositionBiasBackward(dtable, d, heads, maxLength, bidirectional, false)
		cpu.PositionBiasBackward(dtable, d, heads, maxLength, bidirectional, true)
		if left, right := weighted(bias, d), weighted(table, dtable); 2*left != right {
			t.Errorf("bidirectional %v: <forward(table), d> = %v, half of <table, backward(d)> = %v", bidirectional, left, right/2)
		}
	}
}
