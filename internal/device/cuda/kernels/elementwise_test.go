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
	c, err := kernel.New(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

var (
	flatSizes = []int{1, 3, 4, 1023, 1024, 1025, 4099}
	// Matrices of one row, of one column, of a width that is no multiple of four, and of several blocks.
	matrixSizes = [][2]int{{1, 1}, {1, 7}, {300, 1}, {37, 5}, {9, 8}, {70, 130}, {33, 260}}
)

func flatGrid(n int) grid              { return grid{FlatBlocks(Float32, n)} }
func cellGrid(rows, width int) grid    { return grid{CellBlocks(Float32, rows, width)} }
func warpGrid(rows int) grid           { return grid{WarpBlocks(rows)} }
func stripGrid(width, blocks int) grid { return grid{StripBlocks(Float32, width), blocks} }

func TestFlat(t *testing.T) {
	for _, n := range flatSizes {
		a, b := random(1, n), random(2, n)
		y := unset(n)
		launch(t, "fill_float", flatGrid(n), y, n, float32(2.5))
		if slices.ContainsFunc(y, func(v float32) bool { return v != 2.5 }) {
			t.Errorf("fill: %v", y)
		}
		y = unset(n)
		launch(t, "copy_float", flatGrid(n), y, a, n, false)
		compareAll(t, "copy", y, doubles(a), 0)
		launch(t, "copy_float", flatGrid(n), y, b, n, true)
		compareAll(t, "copy added", y, doubles(sums(a, b)), 0)
		y = unset(n)
		launch(t, "add_float", flatGrid(n), y, a, b, n)
		compareAll(t, "add", y, doubles(sums(a, b)), 0)
		want, old := make([]float64, n), random(3, n)
		for i := range want {
			want[i] = float64(0.3*a[i] + old[i])
		}
		launch(t, "scale_float", flatGrid(n), old, a, []float32{0.3}, n, true)
		compareAll(t, "scale", old, want, 0)
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
	newCPU(t).DropoutForward(ones, ones, width, rows, d, false)
	return doubles(ones)
}

// TestDropout requires the CPU's bits.
func TestDropout(t *testing.T) {
	c := newCPU(t)
	for _, size := range matrixSizes {
		for _, probability := range []float32{0, 0.1, 0.5} {
			rows, width := size[0], size[1]
			x, residual, number := random(1, rows*width), random(2, rows*width), numbers(rows)
			d, arguments := dropping(probability)
			for _, accumulate := range []bool{false, true} {
				want, got := slices.Clone(residual), slices.Clone(residual)
				c.DropoutForward(want, x, width, number, d, accumulate)
				launch(t, "dropout_float", cellGrid(rows, width),
					slices.Concat([]any{got, x, number, rows, width}, arguments, []any{accumulate})...)
				compareAll(t, "dropout", got, doubles(want), 0)
			}
			want, got := unset(rows*width), unset(rows*width)
			c.DropoutAdd(want, x, residual, width, number, d)
			launch(t, "dropout_add_float", cellGrid(rows, width), append([]any{got, x, residual, number, rows, width}, arguments...)...)
			compareAll(t, "dropout add", got, doubles(want), 0)
		}
	}
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
	for a, f := range formulas {
		t.Run(fmt.Sprint(a), func(t *testing.T) {
			for _, n := range flatSizes {
				x, y, want := wide(1, n), unset(n), make([]float64, n)
				launch(t, "activation_float", flatGrid(n), y, x, n, int(a))
				for i := range want {
					want[i] = f.value(float64(x[i]))
				}
				compareAll(t, "activation", y, want, 4e-7)
			}
			for _, size := range matrixSizes {
				testActivationGradient(t, int(a), f, size[0], size[1])
			}
		})
	}
}

func testActivationGradient(t *testing.T, a int, f formula, rows, width int) {
	t.Helper()
	x, dy, dx := wide(1, rows*width), random(2, rows*width), unset(rows*width)
	blocks, rowsOfBlock := RowBlocks(rows)
	partials := unset(blocks * width)
	launch(t, "activation_gradient_float", stripGrid(width, blocks), dx, partials, dy, x, rows, width, rowsOfBlock, a)
	want, columns := make([]float64, rows*width), make([]float64, width)
	for i := range want {
		want[i] = float64(dy[i]) * f.slope(float64(x[i]))
		columns[i%width] += want[i]
	}
	compareWithin(t, "activation gradient", dx, want, 1e-6)
	db := random(5, width)
	columns = added(db, columns)
	launch(t, "column_sums", grid{ceilDivide(width, 32)}, db, partials, blocks, width, width, true)
	compareWithin(t, "sums of its columns", db, columns, 5e-6)

	alone := unset(rows * width)
	launch(t, "activation_gradient_float", stripGrid(width, blocks), alone, nil, dy, x, rows, width, rowsOfBlock, a)
	compareAll(t, "activation gradient without sums", alone, doubles(dx), 0)
}

func TestGated(t *testing.T) {
	for a, f := range formulas {
		for _, n := range flatSizes {
			gate, x, dy, y := wide(1, n), random(2, n), random(3, n), unset(n)
			launch(t, "gated_float", flatGrid(n), y, gate, x, n, int(a))
			dgate, dx := random(4, n), unset(n)
			want, wantGate, wantX := make([]float64, n), make([]float64, n), make([]float64, n)
			for i := range want {
				g, v, d := float64(gate[i]), float64(x[i]), float64(dy[i])
				want[i], wantGate[i], wantX[i] = f.value(g)*v, d*v*f.slope(g), d*f.value(g)
			}
			wantGate = added(dgate, wantGate)
			launch(t, "gated_gradient_float", flatGrid(n), dgate, dx, dy, gate, x, n, int(a), true, false)
			compareAll(t, "gated", y, want, 1e-6)
			compareWithin(t, "gradient of the gate", dgate, wantGate, 3e-6)
			compareAll(t, "gradient of x", dx, wantX, 1e-6)
		}
	}
}

func TestColumns(t *testing.T) {
	for _, size := range matrixSizes {
		rows, width := size[0], size[1]
		for _, cut := range [][2]int{{0, width}, {width / 2, width - width/2}, {width / 3, 1}} {
			from, count := cut[0], cut[1]
			for _, accumulate := range []bool{false, true} {
				x, y, w := random(1, rows*width), random(2, rows*count), random(3, rows*width)
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
				launch(t, "widen_float", cellGrid(rows, width), w, slices.Clone(y), rows, width, from, count, accumulate)
				launch(t, "columns_float", cellGrid(rows, count), y, x, rows, width, from, count, accumulate)
				compareAll(t, "columns", y, wantY, 0)
				compareAll(t, "widen", w, wantW, 0)
			}
		}
	}
}
