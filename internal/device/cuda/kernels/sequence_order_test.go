package kernels

import (
	"slices"
	"testing"
)

func TestSequenceOrder(t *testing.T) {
	var o SequenceOrder
	for _, test := range []struct{ starts, sequences, alive []int32 }{
		{[]int32{0, 2, 2, 5, 6, 8}, []int32{2, 0, 4, 3, 1}, []int32{4, 3, 1}},
		{[]int32{0, 1}, []int32{0}, []int32{1}},
		{[]int32{0, 0, 0}, []int32{0, 1}, nil},
		{[]int32{0}, nil, nil},
	} {
		if o.Sort(test.starts); !slices.Equal(o.Sequences, test.sequences) || !slices.Equal(o.Alive, test.alive) {
			t.Errorf("of starts %v: sequences %v, alive %v", test.starts, o.Sequences, o.Alive)
		}
	}
}
