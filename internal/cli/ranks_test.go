package cli

import (
	"slices"
	"testing"
)

func TestThreadsOfRanks(t *testing.T) {
	for _, test := range []struct {
		all  int
		want []int // by rank
	}{
		{1, []int{1}},
		{8, []int{8}},
		{8, []int{4, 4}},
		{8, []int{3, 3, 2}},
		{2, []int{1, 1, 1}},
	} {
		var got []int
		for number := range test.want {
			got = append(got, threads(test.all, number, len(test.want)))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%d threads: got %v, want %v", test.all, got, test.want)
		}
	}
	if threads(0, 0, 1) < 1 {
		t.Error("no threads by default")
	}
}
