//go:build gpu

package kernels

import (
	"math"
	"slices"
	"testing"
)

func TestGuard(t *testing.T) {
	flag := []float32{0}
	for _, step := range []struct {
		x    float64
		want float32
	}{{1, 0}, {-math.MaxFloat32, 0}, {math.Inf(-1), 1}, {2, 1}} {
		wide := []float32{flag[0]}
		launch(t, "guard_float", grid{1}, flag, []float32{float32(step.x)})
		launch(t, "guard_double", grid{1}, wide, []float64{step.x})
		if flag[0] != step.want || wide[0] != step.want {
			t.Errorf("after %v the flags are %v and %v, want %v", step.x, flag, wide, step.want)
		}
	}
	for _, x := range []float64{math.NaN(), math.Inf(1)} {
		flag := []float32{0}
		if launch(t, "guard_double", grid{1}, flag, []float64{x}); flag[0] != 1 {
			t.Errorf("after %v the flag is %v", x, flag)
		}
	}
}

func TestClip(t *testing.T) {
	for _, test := range []struct{ squares, scale, limit, norm, factor float64 }{
		{16, 0.5, 0, 2, 0.5}, {16, 0.5, 3, 2, 0.5}, {16, 0.5, 1, 2, 0.25}, {0, 1, 1, 0, 1}, {16, -1, 2, 4, -0.5},
	} {
		norm, factor := []float64{0}, []float64{0}
		launch(t, "clip", grid{1}, norm, factor, []float64{test.squares}, test.scale, test.limit)
		if norm[0] != test.norm || factor[0] != test.factor {
			t.Errorf("%+v: norm %v, factor %v", test, norm, factor)
		}
	}
}

func TestScalars(t *testing.T) {
	y := unset(1)
	if launch(t, "total_float", grid{1}, y, []float32{1.5}, []float32{-4}); y[0] != -2.5 {
		t.Errorf("total %v", y)
	}
	figures := make([]float64, 6)
	launch(t, "figures", grid{1}, figures, []float32{1.5}, nil, nil, []float64{1e300}, nil, nil, nil, []float64{4}, nil, nil, []float32{6}, nil)
	if want := []float64{1.5, 1e300, 0, 4, 0, 6}; !slices.Equal(figures, want) {
		t.Errorf("figures %v, want %v", figures, want)
	}
}
