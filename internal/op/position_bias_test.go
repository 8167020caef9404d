package op

import (
	"encoding/json"
	"os"
	"slices"
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
			if got := positionBucket(c.First+i, c.Buckets, c.Bidirectional); got != want {
				t.Errorf("offset %d of %d buckets, bidirectional %v: bucket %d, want %d", c.First+i, c.Buckets, c.Bidirectional, got, want)
			}
		}
	}
}

// TestPositionBuckets checks the order of the offsets: four buckets, two of them for keys after the query.
func TestPositionBuckets(t *testing.T) {
	if got, want := PositionBuckets(3, 4, true), []int32{1, 1, 0, 3, 3}; !slices.Equal(got, want) {
		t.Errorf("buckets %v, want %v", got, want)
	}
}
