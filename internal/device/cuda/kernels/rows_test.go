//go:build gpu

package kernels

import (
	"slices"
	"testing"
)

func TestGatherAndScatter(t *testing.T) {
	forStorages(t, testGatherAndScatter)
}

func testGatherAndScatter(t *testing.T, s storage) {
	for _, size := range matrixSizes {
		rows, width := size[0], size[1]
		var index []int32
		for i := range rows {
			if i%3 != 1 {
				index = append(index, int32(i))
			}
		}
		x, old := s.random(1, rows*width), s.random(2, rows*width)
		picked := len(index)
		want, scattered := make([]float64, picked*width), make([]float64, rows*width)
		for i := range want {
			at := int(index[i/width])*width + i%width
			want[i], scattered[at] = float64(x[at]), float64(x[at])
		}
		y := unset(picked * width)
		launch(t, "gather_"+s.name, s.cellGrid(picked, width), y, x, index, picked, width)
		compareAll(t, "gather", y, want, 0)
		dx, wantAdded := unset(rows*width), doubles(old)
		launch(t, "scatter_"+s.name, s.cellGrid(rows, width), dx, y, index, rows, width, picked, false)
		compareAll(t, "scatter", dx, scattered, 0)
		for i, v := range scattered {
			wantAdded[i] = float64(old[i] + float32(v))
		}
		launch(t, "scatter_"+s.name, s.cellGrid(rows, width), old, y, index, rows, width, picked, true)
		s.compareAll(t, "scatter added", old, wantAdded, 0)
	}
	dx := unset(5)
	launch(t, "scatter_"+s.name, s.cellGrid(5, 1), dx, nil, nil, 5, 1, 0, false)
	if !slices.Equal(dx, make([]float32, 5)) {
		t.Errorf("nothing scattered gives %v", dx)
	}
}
