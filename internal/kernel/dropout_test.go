package kernel

import (
	"math"
	"testing"

	"uer/internal/kernel/routine"
)

// dropped tells which elements of a matrix of ones dropout drops.
func dropped(c *CPU, rows, width int, first int32, d Dropout) []bool {
	x := make([]float32, rows*width)
	c.Fill(x, 1)
	c.DropoutForward(Floats(x), Floats(x), width, counting(first, rows), d, false)
	out := make([]bool, len(x))
	for i, v := range x {
		out[i] = v == 0
	}
	return out
}

// agreement is the number of deviations by which the count of pairs dropped together differs from that of
// independent elements. The second of a pair is offset elements after the first in the same row.
func agreement(a, b []bool, width, offset int, p float64) float64 {
	both, pairs := 0.0, 0.0
	for row := 0; row < len(a); row += width {
		for j := row; j+offset < row+width; j++ {
			pairs++
			if a[j] && b[j+offset] {
				both++
			}
		}
	}
	return (both - pairs*p*p) / math.Sqrt(pairs*p*p*(1-p*p))
}

func TestDropoutIsRandom(t *testing.T) {
	c, err := New(2, Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const width = 768
	rows, offsets := 1000, 66
	if testing.Short() {
		rows, offsets = 300, 20
	}
	for _, p := range []float64{0.1, 0.5} {
		d := Dropout{Probability: float32(p), Key: 0x63cbe1e459320dd7}
		a := dropped(c, rows, width, 0, d)
		count, squares := 0.0, 0.0
		for row := range rows {
			sum := 0.0
			for _, drop := range a[row*width : (row+1)*width] {
				if drop {
					sum++
				}
			}
			count += sum
			squares += (sum - width*p) * (sum - width*p)
		}
		elements := float64(rows * width)
		if z := (count - elements*p) / math.Sqrt(elements*p*(1-p)); math.Abs(z) > 4 {
			t.Errorf("p %v: the number dropped is %.1f deviations off", p, z)
		}
		if v := squares / (elements * p * (1 - p)); math.Abs(v-1) > 5*math.Sqrt(2/float64(rows)) {
			t.Errorf("p %v: the variance of the number dropped in a row is %v of what it should be", p, v)
		}
		for offset := 1; offset <= offsets; offset++ {
			if z := agreement(a, a, width, offset, p); math.Abs(z) > 5 {
				t.Errorf("p %v: neighbours at distance %d are %.1f deviations from independent", p, offset, z)
			}
		}
		for name, b := range map[string][]bool{
			"the next row":   dropped(c, rows, width, 1, d),
			"a row far away": dropped(c, rows, width, 1<<20, d),
			"the next key":   dropped(c, rows, width, 0, Dropout{Probability: d.Probability, Key: d.Key + 1}),
			"a distant key":  dropped(c, rows, width, 0, Dropout{Probability: d.Probability, Key: d.Key ^ 1<<63}),
			"another key":    dropped(c, rows, width, 0, Dropout{Probability: d.Probability, Key: 0x0123456789abcdef}),
		} {
			for offset := range 3 {
				if z := agreement(a, b, width, offset, p); math.Abs(z) > 5 {
					t.Errorf("p %v: %s, %d columns on, is %.1f deviations from independent", p, name, offset, z)
				}
			}
		}
	}
}

func TestDropoutAgrees(t *testing.T) {
	for _, width := range []int{1, 17, 63, 768} {
		n := 2*rowTile(width) + 5
		x, residual := random(1, n*width), random(2, n*width)
		rows := counting(1<<30, n)
		for _, d := range []Dropout{{}, {Probability: 0.1, Key: 1}, {Probability: 0.5, Key: math.MaxUint64}, {Probability: 0.999, Key: 3}, {Probability: 1, Key: 4}} {
			requireSame(t, 0, func(c *CPU) [][]float32 {
				y, sum, added := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
				copy(added, residual)
				c.DropoutForward(Floats(y), Floats(x), width, rows, d, false)
				c.DropoutForward(Floats(added), Floats(x), width, rows, d, true)
				c.DropoutAdd(Floats(sum), Floats(x), Floats(residual), width, rows, d)
				return [][]float32{y, sum, added}
			})
		}
	}
}

func TestDropoutScalesWhatStays(t *testing.T) {
	c := newTestCPU(t, "portable", 1)
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	y := make([]float32, 8)
	for p, scale := range map[float32]float32{0: 1, 0.25: 1 / float32(0.75), 1: 0} {
		c.DropoutForward(Floats(y), Floats(x), 4, []int32{5, 9}, Dropout{Probability: p, Key: 3}, false)
		for i := range y {
			if y[i] != 0 && y[i] != x[i]*scale {
				t.Errorf("probability %v: %v becomes %v", p, x[i], y[i])
			}
		}
	}
}

// TestDropoutHash pins the hash: changing it would change what a resumed run drops.
func TestDropoutHash(t *testing.T) {
	row := Dropout{Key: 0x6ae515c1c0ac7e37}.RowKey(4)
	if got := routine.DropoutHash(row, 5); got != 0x949b7592 {
		t.Errorf("hash %#x", got)
	}
}

func BenchmarkDropout(b *testing.B) {
	const rows, width = 4096, 768
	x, residual, y := random(1, rows*width), random(2, rows*width), make([]float32, rows*width)
	numbers := counting(0, rows)
	b.Run("add", func(b *testing.B) {
		eachSet(b, 12*rows*width, func(c *CPU) {
			c.DropoutAdd(Floats(y), Floats(x), Floats(residual), width, numbers, Dropout{Probability: 0.1, Key: 5})
		})
	})
	b.Run("none", func(b *testing.B) {
		eachSet(b, 12*rows*width, func(c *CPU) { c.DropoutAdd(Floats(y), Floats(x), Floats(residual), width, numbers, Dropout{}) })
	})
}
