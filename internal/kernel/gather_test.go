package kernel

import (
	"slices"
	"testing"
)

func TestScatterIsTheGradientOfGather(t *testing.T) {
	for _, width := range []int{1, 17, 768} {
		rows := 3*rowTile(width) + 2
		var index []int32
		for i := range int32(rows) {
			if i%7 < 3 {
				index = append(index, i)
			}
		}
		x, dout, before := random(1, rows*width), random(2, len(index)*width), random(3, rows*width)
		requireSame(t, 0, func(c *CPU) [][]float32 {
			out, dx, added := make([]float32, len(dout)), slices.Clone(before), slices.Clone(before)
			c.GatherRows(Floats(out), Floats(x), width, index)
			c.ScatterAddRows(Floats(dx), Floats(dout), width, index, false)
			c.ScatterAddRows(Floats(added), Floats(dout), width, index, true)
			return [][]float32{out, dx, added}
		})
		c := newTestCPU(t, "portable", 1)
		out, dx, added := make([]float32, len(dout)), slices.Clone(before), slices.Clone(before)
		c.GatherRows(Floats(out), Floats(x), width, index)
		c.ScatterAddRows(Floats(dx), Floats(dout), width, index, false)
		c.ScatterAddRows(Floats(added), Floats(dout), width, index, true)
		want := make([]float32, rows*width)
		for i, row := range index {
			for j := range width {
				if out[i*width+j] != x[int(row)*width+j] {
					t.Fatalf("row %d of the gathered rows is not row %d", i, row)
				}
				want[int(row)*width+j] = dout[i*width+j]
			}
		}
		if !slices.Equal(dx, want) {
			t.Error("scattered rows are not in their places")
		}
		c.Add(want, want, before)
		if !slices.Equal(added, want) {
			t.Error("rows are not added to what was there")
		}
	}
}
