package kernel

import (
	"math"
	"slices"
	"testing"
)

func TestElementwiseAgrees(t *testing.T) {
	for _, n := range []int{0, 1, 3, 17, 63, 65, 2*tileElements + 7} {
		a, b := random(1, n), random(2, n)
		requireSame(t, 1e-7, func(c *CPU) [][]float32 {
			sum, scaled, added, filled := make([]float32, n), make([]float32, n), slices.Clone(b), make([]float32, n)
			c.Add(sum, a, b)
			c.Scale(scaled, a, 3, false)
			c.Scale(added, a, 3, true)
			c.Fill(filled, 2)
			return [][]float32{sum, scaled, added, filled}
		})
		c := newTestCPU(t, "portable", 1)
		out := slices.Clone(b)
		c.Scale(out, a, 3, true)
		for i := range out {
			if out[i] != b[i]+3*a[i] {
				t.Errorf("%v + 3 %v = %v", b[i], a[i], out[i])
			}
		}
		for _, value := range []float32{2, 0, float32(math.Copysign(0, -1))} {
			c.Fill(out, value)
			for _, v := range out {
				if !sameBits(v, value) {
					t.Fatalf("filled with %v: %v", value, v)
				}
			}
		}
	}
}
