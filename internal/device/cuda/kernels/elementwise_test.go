//go:build gpu

package kernels

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"uer/internal/kernel"
	"uer/internal/op"
)

// newCPU is the CPU's portable kernels, which define what the operations compute.
func newCPU(t *testing.T) *kernel.CPU {
	t.Helper()
	t.Setenv("UER_CPU", "portable")
	c, err := kernel.New(1, kernel.Float32)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

var (
	flatSizes = []int{1, 3, 4, 1023, 1024, 1025, 4099}
	// Matrices of one row, of one column, of a width that is no multiple of four, and of several blocks.
	matrixSizes = [][2]int{{1, 1}, {1, 7}, {300, 1}, {37, 5}, {9, 8}, {70, 130}, {33, 260}, {40, 264}}
)

func flatGrid(n int) grid              { return grid{FlatBlocks(Float32, n)} }
func cellGrid(rows, width int) grid    { return grid{CellBlocks(Float32, rows, width)} }
func warpGrid(rows int) grid           { return grid{WarpBlocks(rows)} }
func stripGrid(width, blocks int) grid { return grid{StripBlocks(Float32, width), blocks} }

func TestFlat(t *testing.T) {
	forStorages(t, func(t *testing.T, s storage) {
		for _, n := range flatSizes {
			a, b := s.random(1, n), s.random(2, n)
			y := unset(n)
			launch(t, "copy_"+s.name, s.flatGrid(n), y, a, n, false)
			s.compareBits(t, "copy", y, a)
			launch(t, "copy_"+s.name, s.flatGrid(n), y, b, n, true)
			s.compareBits(t, "copy added", y, sums(a, b))
			if s.kind == BFloat16 {
				continue
			}
			y = unset(n)
			launch(t, "add_float", s.flatGrid(n), y, a, b, n)
			s.compareBits(t, "add", y, sums(a, b))
			want, old := make([]float32, n), s.random(3, n)
			for i := range want {
				want[i] = 0.3*a[i] + old[i]
			}
			launch(t, "scale_float", s.flatGrid(n), old, a, []float32{0.3}, n, true)
			s.compareBits(t, "scale", old, want)
		}
	})
}

// TestRounding: what is copied to bfloat16 is rounded to nearest even, on the way back nothing happens, and infinity and NaN
// stay.
func TestRounding(t *testing.T) {
	infinity, nan := float32(math.Inf(1)), float32(math.NaN())
	x := []float32{0, float32(math.Copysign(0, -1)), 1, 1 + 1.0/256, 1 + 3.0/256, 1 + 1.0/256 + 1e-6, math.MaxFloat32, -math.MaxFloat32,
		infinity, -infinity, nan, -nan, math.SmallestNonzeroFloat32, 1e-39, -1e-39, math.Float32frombits(0x7f800001)}
	for _, more := range []int{0, 3, 2048 * 3} {
		x := append(slices.Clone(x), wide(7, more)...)
		n := len(x)
		half := unsetHalves(n)
		launch(t, "copy_bf16_float", storages[1].flatGrid(n), half, x, n, false)
		requireHalves(t, half, x)
		y := unset(n)
		launch(t, "copy_float_bf16", storages[1].flatGrid(n), y, half, n, false)
		if got := halves(y); !slices.Equal(got, half) {
			t.Errorf("copied back: %x, want %x", got, half)
		}
		added, old := random(8, n), random(8, n)
		launch(t, "copy_float_bf16", storages[1].flatGrid(n), added, half, n, true)
		if want := sums(old, wholes(half)); !slices.Equal(halves(added), halves(want)) {
			t.Errorf("added: %v, want %v", added, want)
		}
	}
}

func sums(a, b []float32) []float32 {
	y := make([]float32, len(a))
	for i := range y {
		y[i] = a[i] + b[i]
	}
	return y
}

// numbers are the row numbers of some tokens.
func numbers(n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(3*i + i%7*1000)
	}
	return rows
}

// dropping is dropout on the CPU, and the arguments of a kernel for the same.
func dropping(probability float32) (kernel.Dropout, []any) {
	if probability == 0 {
		return kernel.Dropout{}, []any{uint64(0), uint32(0), float32(1)}
	}
	d := kernel.Dropout{Probability: probability, Key: 0x6ae515c1c0ac7e37}
	threshold := uint32(math.Round(float64(probability) * (1 << 32)))
	return d, []any{d.Key, threshold, float32(1 / (1 - float64(probability)))}
}

// kept is what dropout makes of ones, in rows [n, width] of the given numbers.
func kept(t *testing.T, rows []int32, width int, d kernel.Dropout) []float64 {
	t.Helper()
	ones := make([]float32, len(rows)*width)
	for i := range ones {
		ones[i] = 1
	}
	newCPU(t).DropoutForward(kernel.Floats(ones), kernel.Floats(ones), width, rows, d, false)
	return doubles(ones)
}

// TestDropout requires the CPU's bits.
func TestDropout(t *testing.T) {
	c := newCPU(t)
	forStorages(t, func(t *testing.T, s storage) {
		for _, size := range matrixSizes {
			for _, probability := range []float32{0, 0.1, 0.5} {
				rows, width := size[0], size[1]
				x, residual, number := s.random(1, rows*width), s.random(2, rows*width), numbers(rows)
				d, arguments := dropping(probability)
				for _, accumulate := range []bool{false, true} {
					want, got := slices.Clone(residual), slices.Clone(residual)
					c.DropoutForward(kernel.Floats(want), kernel.Floats(x), width, number, d, accumulate)
					launch(t, "dropout_"+s.name, s.cellGrid(rows, width),
						slices.Concat([]any{got, x, number, rows, width}, arguments, []any{accumulate})...)
					s.compareBits(t, "dropout", got, want)
				}
				want, got := unset(rows*width), unset(rows*width)
				c.DropoutAdd(kernel.Floats(want), kernel.Floats(x), kernel.Floats(residual), width, number, d)
				launch(t, "dropout_add_"+s.name, s.cellGrid(rows, width), append([]any{got, x, residual, number, rows, width}, arguments...)...)
				s.compareBits(t, "dropout add", got, want)
			}
		}
	})
}

// formula is an activation and its derivative in float64.
type formula struct{ value, slope func(x float64) float64 }

var formulas = map[op.Activation]formula{
	op.Identity: {func(x float64) float64 { return x }, func(float64) float64 { return 1 }},
	op.GELU:     {gelu, func(x float64) float64 { return difference(gelu, x) }},
	op.GELUFast: {geluFast, func(x float64) float64 { return difference(geluFast, x) }},
	op.ReLU: {func(x float64) float64 { return max(x, 0) }, func(x float64) float64 {
		if x > 0 {
			return 1
		}
		return 0
	}},
	op.SiLU:    {silu, func(x float64) float64 { return difference(silu, x) }},
	op.Tanh:    {math.Tanh, func(x float64) float64 { return 1 - math.Tanh(x)*math.Tanh(x) }},
	op.Sigmoid: {logistic, func(x float64) float64 { return logistic(x) * logistic(-x) }},
}

func gelu(x float64) float64     { return x * math.Erfc(-x/math.Sqrt2) / 2 }
func geluFast(x float64) float64 { return x * logistic(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)) }
func silu(x float64) float64     { return x * logistic(x) }
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// difference is f'(x) but for about 1e-10.
func difference(f func(float64) float64, x float64) float64 {
	const h = 1e-4
	return (8*(f(x+h)-f(x-h)) - (f(x+2*h) - f(x-2*h))) / (12 * h)
}

// wide are numbers far from 0 too.
func wide(seed uint64, n int) []float32 {
	x := random(seed, n)
	for i := range x {
		x[i] *= 3
	}
	return x
}

func TestActivation(t *testing.T) {
	forStorages(t, func(t *testing.T, s storage) {
		for a, f := range formulas {
			t.Run(fmt.Sprint(a), func(t *testing.T) {
				for _, n := range flatSizes {
					x, y, want := s.wide(1, n), unset(n), make([]float64, n)
					launch(t, "activation_"+s.name, s.flatGrid(n), y, x, n, int(a))
					for i := range want {
						want[i] = f.value(float64(x[i]))
					}
					s.compareAll(t, "activation", y, want, 4e-7+s.step/100)
				}
				for _, size := range matrixSizes {
					testActivationGradient(t, s, int(a), f, size[0], size[1])
				}
			})
		}
	})
}

func testActivationGradient(t *testing.T, s storage, a int, f formula, rows, width int) {
	t.Helper()
	x, dy, dx := s.wide(1, rows*width), s.random(2, rows*width), unset(rows*width)
	blocks, rowsOfBlock := RowBlocks(rows)
	partials := unset(blocks * width)
	launch(t, "activation_gradient_"+s.name, s.stripGrid(width, blocks), dx, partials, dy, x, rows, width, rowsOfBlock, a)
	want, columns := make([]float64, rows*width), make([]float64, width)
	for i := range want {
		want[i] = float64(dy[i]) * f.slope(float64(x[i]))
		columns[i%width] += want[i]
	}
	s.compareWithin(t, "activation gradient", dx, want, 1e-6+s.step/50)
	db := random(5, width)
	columns = added(db, columns)
	sumColumns(t, columnSum{db, partials, blocks, width, width, true})
	compareWithin(t, "sums of its columns", db, columns, 5e-6+s.step)

	alone := unset(rows * width)
	launch(t, "activation_gradient_"+s.name, s.stripGrid(width, blocks), alone, nil, dy, x, rows, width, rowsOfBlock, a)
	compareAll(t, "activation gradient without sums", alone, doubles(dx), 0)
}

// TestApproximations compares the activations in bfloat16 with float64, near 0 and far from it, relative to what they are:
// their error is rounding, and a few hundredths of it more.
func TestApproximations(t *testing.T) {
	var x []float32
	for bits := range 1 << 16 {
		if v := wholes([]uint16{uint16(bits)})[0]; math.Abs(float64(v)) < 8 && math.Abs(float64(v)) > 1e-30 {
			x = append(x, v)
		}
	}
	for _, a := range []op.Activation{op.GELU, op.GELUFast, op.SiLU, op.Tanh, op.Sigmoid} {
		y := unset(len(x))
		launch(t, "activation_bf16", storages[1].flatGrid(len(x)), y, x, len(x), int(a))
		worst := 0.0
		for i, v := range x {
			if want := formulas[a].value(float64(v)); v > -4 && math.Abs(want) > 1e-30 {
				worst = max(worst, math.Abs(float64(y[i])/want-1)*256)
			}
		}
		if !(worst < 1.05) {
			t.Errorf("%v has an error of %.3f times that of rounding", a, worst)
		}
	}
}

func TestGated(t *testing.T) {
	forStorages(t, testGated)
}

func testGated(t *testing.T, s storage) {
	for a, f := range formulas {
		for _, n := range flatSizes {
			gate, x, dy, y := s.wide(1, n), s.random(2, n), s.random(3, n), unset(n)
			launch(t, "gated_"+s.name, s.flatGrid(n), y, gate, x, n, int(a))
			dgate, dx := s.random(4, n), unset(n)
			want, wantGate, wantX := make([]float64, n), make([]float64, n), make([]float64, n)
			for i := range want {
				g, v, d := float64(gate[i]), float64(x[i]), float64(dy[i])
				want[i], wantGate[i], wantX[i] = f.value(g)*v, d*v*f.slope(g), d*f.value(g)
			}
			wantGate = added(dgate, wantGate)
			launch(t, "gated_gradient_"+s.name, s.flatGrid(n), dgate, dx, dy, gate, x, n, int(a), true, false)
			s.compareAll(t, "gated", y, want, 1e-6+s.step/100)
			s.compareWithin(t, "gradient of the gate", dgate, wantGate, 3e-6+s.step/20)
			s.compareAll(t, "gradient of x", dx, wantX, 1e-6+s.step/100)
		}
	}
}

func TestColumns(t *testing.T) {
	forStorages(t, testColumns)
}

func testColumns(t *testing.T, s storage) {
	for _, size := range matrixSizes {
		rows, width := size[0], size[1]
		for _, cut := range [][2]int{{0, width}, {width / 2, width - width/2}, {width / 3, 1}} {
			from, count := cut[0], cut[1]
			for _, accumulate := range []bool{false, true} {
				x, y, w := s.random(1, rows*width), s.random(2, rows*count), s.random(3, rows*width)
				wantY, wantW := make([]float64, rows*count), make([]float64, rows*width)
				for i := range wantY {
					at := i/count*width + from + i%count
					wantY[i], wantW[at] = float64(x[at]), float64(y[i])
					if accumulate {
						wantY[i] = float64(y[i] + x[at])
					}
				}
				if accumulate {
					for i := range wantW {
						wantW[i] = float64(w[i] + float32(wantW[i]))
					}
				}
				launch(t, "widen_"+s.name, s.cellGrid(rows, width), w, slices.Clone(y), rows, width, from, count, accumulate)
				launch(t, "columns_"+s.name, s.cellGrid(rows, count), y, x, rows, width, from, count, accumulate)
				s.compareAll(t, "columns", y, wantY, 0)
				s.compareAll(t, "widen", w, wantW, 0)
			}
		}
	}
}
