package kernel

import (
	"slices"
	"testing"
)

func TestCopyColumns(t *testing.T) {
	c, err := New(2, Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	x := []float32{1, 2, 3, 4, 5, 6} // [2, 3]
	out := []float32{9, 9, 9, 9, 9, 9, 9, 9}
	c.CopyColumns(&Columns{X: Floats(x), Width: 3, From: 1, Count: 2, Out: Floats(out), OutWidth: 4, OutFrom: 2})
	if want := []float32{9, 9, 2, 3, 9, 9, 5, 6}; !slices.Equal(out, want) {
		t.Errorf("copied %v, want %v", out, want)
	}
	c.CopyColumns(&Columns{X: Floats(x), Width: 3, Count: 3, Out: Floats(out), OutWidth: 4, Accumulate: true})
	if want := []float32{10, 11, 5, 3, 13, 14, 11, 6}; !slices.Equal(out, want) {
		t.Errorf("added %v, want %v", out, want)
	}
}
