package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"uer/internal/kernel/portable"
	"uer/internal/kernel/routine"
)

// rounded returns numbers as bfloat16, by the portable routine.
func rounded(x []float32) Array {
	if x == nil {
		return Array{}
	}
	to := make([]uint16, len(x))
	for i, v := range x {
		to[i] = routine.ToBFloat16(v)
	}
	return Halves(to)
}

// widened returns numbers in bfloat16 as float32.
func widened(x Array) []float32 {
	if !x.Present() {
		return nil
	}
	to := make([]float32, x.Len())
	for i, v := range x.Halves {
		to[i] = routine.FromBFloat16(v)
	}
	return to
}

// TestToBFloat16 compares with the definition: the nearest number in bfloat16, of two the even one.
func TestToBFloat16(t *testing.T) {
	generator := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		x := math.Float32frombits(generator.Uint32())
		if generator.IntN(4) == 0 {
			x = math.Float32frombits(math.Float32bits(x)&^0xffff | 0x8000) // between two numbers
		}
		got, bits := routine.FromBFloat16(routine.ToBFloat16(x)), math.Float32bits(x)
		if x != x {
			if got == got {
				t.Fatalf("%#08x is not a number, and becomes %v", bits, got)
			}
			continue
		}
		below, above := math.Float32frombits(bits&^0xffff), math.Float32frombits(bits&^0xffff+0x10000) // in magnitude
		toBelow, toAbove := math.Abs(float64(x)-float64(below)), math.Abs(float64(above)-float64(x))
		if math.IsInf(float64(above), 0) && !math.IsInf(float64(x), 0) {
			toAbove = 0x1p128 - math.Abs(float64(x))
		}
		want := below
		switch {
		case math.Abs(float64(x)) < 0x1p-126:
			want = float32(math.Copysign(0, float64(x)))
		case math.IsInf(float64(x), 0):
		case toAbove < toBelow || toAbove == toBelow && bits>>16&1 == 1:
			want = above
		}
		if !sameBits(got, want) {
			t.Fatalf("%g (%#08x) becomes %g, want %g", x, bits, got, want)
		}
	}
}

// TestWidenNarrow: every set copies between float32 and bfloat16 as the portable routines do, all kinds of numbers, also rows
// that lie apart, and writes nothing else.
func TestWidenNarrow(t *testing.T) {
	plain := portable.Table()
	generator := rand.New(rand.NewPCG(3, 4))
	for name, draw := range numbers {
		for _, shape := range [][3]int{{1, 1, 1}, {1, 1000, 1000}, {3, 16, 40}, {5, 37, 38}, {2, 15, 15}} { // rows, width, stride
			rows, width, stride := shape[0], shape[1], shape[2]
			x, before := make([]float32, rows*stride), make([]uint16, rows*stride)
			for i := range x {
				x[i], before[i] = draw(generator), routine.ToBFloat16(draw(generator))
			}
			for _, accumulate := range []bool{false, true} {
				narrow := func(table *routine.Table) ([]uint16, []float32) {
					to, back := slices.Clone(before), slices.Clone(x)
					table.Narrow(routine.Narrow{To: to, X: x, Rows: rows, Width: width, ToStride: stride, Stride: stride, Accumulate: accumulate})
					table.Widen(routine.Widen{To: back, X: to, Rows: rows, Width: width, ToStride: stride, Stride: stride})
					return to, back
				}
				want, wantBack := narrow(&plain)
				for _, set := range InstructionSets() {
					got, back := narrow(newTestCPU(t, set, 1).table)
					for i := range got {
						a, b := routine.FromBFloat16(got[i]), routine.FromBFloat16(want[i])
						if got[i] != want[i] && (a == a || b == b) {
							t.Fatalf("%s, %s, %v: element %d is %g, want %g", set, name, shape, i, a, b)
						}
						if i%stride >= width && (got[i] != before[i] || !sameBits(back[i], x[i])) {
							t.Fatalf("%s, %v: what lies between the rows has changed", set, shape)
						}
						if a, b := back[i], wantBack[i]; !sameBits(a, b) && (a == a || b == b) {
							t.Fatalf("%s, %s, %v: element %d is widened to %g, want %g", set, name, shape, i, a, b)
						}
					}
				}
			}
		}
	}
}

// TestProductsOfHalves: a product of arrays in bfloat16 is the product of the same numbers in float32, its results rounded once,
// for every set, size and form.
func TestProductsOfHalves(t *testing.T) {
	sizes := [][3]int{{1, 1, 1}, {20, 37, 1}, {17, 33, 33}, {33, 17, 65}, {70, 100, 200}, {20, 30, 1100}, {130, 70, 2100}}
	cpus := tileCPUs(t)
	if slices.Contains(InstructionSets(), "avx512bf16") {
		cpus = append(cpus, newTestCPU(t, "avx512bf16", 2))
	}
	for _, c := range cpus {
		number := 0
		for _, size := range sizes {
			for form := range 16 {
				if number++; (testing.Short() || c.Name() == "portable") && form%4 != number%4 {
					continue
				}
				p := productCase{m: size[0], n: size[1], k: size[2], transposeA: form&1 != 0, transposeB: form&2 != 0,
					accumulate: form&4 != 0, bias: form&8 != 0, before: number%3 == 0, packed: number%4 == 0,
					residual: number%5 == 0, padding: number % 3, precision: BFloat16}
				if p.before {
					p.activation = GELU
				}
				if p.residual {
					p.dropout = 0.25
				}
				compareHalves(t, c, p, p.product(rand.New(rand.NewPCG(uint64(number), 7))))
			}
		}
	}
}

// compareHalves computes a product of numbers stored as bfloat16, and as float32.
func compareHalves(t *testing.T, c *CPU, p productCase, q Product) {
	t.Helper()
	half, exact := q, q
	for _, x := range []struct{ half, exact *Array }{
		{&half.A, &exact.A}, {&half.B, &exact.B}, {&half.C, &exact.C}, {&half.Residual, &exact.Residual},
		{&half.PreActivation, &exact.PreActivation},
	} {
		if p.packed && x.half == &half.B { // weights are float32
			continue
		}
		*x.half = rounded(x.exact.Floats)
		*x.exact = Floats(widened(*x.half))
	}
	half.Scratch = make([]float32, c.PartialSums(q.M, q.LDC, q.K, BFloat16))
	multiplyCase(c, p, &half)
	multiplyCase(c, p, &exact)
	for name, x := range map[string][2]Array{"C": {half.C, exact.C}, "PreActivation": {half.PreActivation, exact.PreActivation}} {
		for i, want := range rounded(x[1].Floats).Halves {
			if a, b := routine.FromBFloat16(x[0].Halves[i]), routine.FromBFloat16(want); x[0].Halves[i] != want && (a == a || b == b) {
				t.Fatalf("%s, %v: element %d of %s is %g, want %g", c.Name(), p, i, name, a, b)
			}
		}
	}
}

// TestRowsOfHalves: operations on the rows of arrays in bfloat16 are those on the same numbers in float32, their results rounded
// once, for every set.
func TestRowsOfHalves(t *testing.T) {
	const n, width = 70, 100
	index := []int32{2, 3, 5, 69}
	dropout := Dropout{Probability: 0.3, Key: 11}
	type operation struct {
		name string
		// run computes from two inputs [n, width] into y [n, width], which holds numbers before; sums are float32.
		run func(c *CPU, y, a, b Array, sums []float32)
	}
	rows := counting(0, n)
	scratch := make([]float32, ColumnSumScratch(n, width))
	operations := []operation{
		{"copy", func(c *CPU, y, a, _ Array, _ []float32) { c.Copy(y, a, false) }},
		{"add", func(c *CPU, y, a, _ Array, _ []float32) { c.Copy(y, a, true) }},
		{"clear", func(c *CPU, y, _, _ Array, _ []float32) { c.Clear(y) }},
		{"activation", func(c *CPU, y, a, b Array, _ []float32) { c.ActivationBackward(GELU, y, a, b) }},
		{"gated", func(c *CPU, y, a, b Array, _ []float32) { c.GatedForward(SiLU, y, a, b) }},
		{"gated gradient", func(c *CPU, y, a, b Array, _ []float32) { c.GatedBackward(SiLU, y, a, a, b, b) }},
		{"dropout", func(c *CPU, y, a, _ Array, _ []float32) { c.DropoutForward(y, a, width, rows, dropout, true) }},
		{"dropout and residual", func(c *CPU, y, a, b Array, _ []float32) { c.DropoutAdd(y, a, b, width, rows, dropout) }},
		{"column sum", func(c *CPU, _, a, _ Array, sums []float32) { c.ColumnSum(sums[:width], a, width, scratch, true) }},
		{"norm", func(c *CPU, y, a, _ Array, sums []float32) {
			c.NormForward(&Norm{Width: width, Gamma: random(5, width), X: a, Y: y, Stats: sums[:2*n]})
		}},
		{"gather", func(c *CPU, y, a, _ Array, _ []float32) { c.GatherRows(y.Slice(0, len(index)*width), a, width, index) }},
		{"scatter", func(c *CPU, y, a, _ Array, _ []float32) {
			c.ScatterAddRows(y, a.Slice(0, len(index)*width), width, index, true)
		}},
		{"columns", func(c *CPU, y, a, _ Array, _ []float32) {
			c.CopyColumns(&Columns{X: a, Width: width, From: 3, Count: 50, Out: y, OutWidth: width, OutFrom: 20, Accumulate: true})
		}},
		{"embedding", func(c *CPU, y, _, _ Array, _ []float32) {
			c.EmbeddingForward(&Embedding{Width: width, Scale: 3, Tables: [][]float32{random(6, 9*width), random(7, n*width)},
				IDs: [][]int32{make([]int32, n), rows}, Out: y})
		}},
		{"embedding gradient", func(c *CPU, _, a, _ Array, sums []float32) {
			c.EmbeddingBackward(&EmbeddingGradient{Width: width, Scale: 3, IDs: make([]int32, n), DOut: a, DTable: Output{To: Floats(sums[:width])}})
		}},
		{"mean", func(c *CPU, y, a, _ Array, _ []float32) {
			c.PoolForward(&Pool{Width: width, Starts: []int32{0, 30, 30, n}, X: a, Y: y.Slice(0, 3*width)})
		}},
		{"maximum", func(c *CPU, y, a, _ Array, _ []float32) {
			c.PoolForward(&Pool{Pooling: PoolMax, Width: width, Starts: []int32{0, 30, 30, n}, X: a, Y: y.Slice(0, 3*width)})
		}},
		{"maximum's gradient", func(c *CPU, y, a, b Array, _ []float32) {
			starts := []int32{0, 30, n}
			pooled := like(a, make([]float32, 2*width), 2*width)
			c.PoolForward(&Pool{Pooling: PoolMax, Width: width, Starts: starts, X: a, Y: pooled})
			c.PoolBackward(&PoolGradient{Pool: Pool{Pooling: PoolMax, Width: width, Starts: starts, X: a, Y: pooled},
				DY: b.Slice(0, 2*width), DX: Output{To: y, Accumulate: true}})
		}},
	}
	y, a, b := rounded(random(1, n*width)), rounded(random(2, n*width)), rounded(random(3, n*width))
	for _, set := range InstructionSets() {
		c := newTestCPU(t, set, 2)
		for _, o := range operations {
			exact, exactSums := Floats(widened(y)), random(4, 2*n)
			o.run(c, exact, Floats(widened(a)), Floats(widened(b)), exactSums)
			half, sums := Halves(slices.Clone(y.Halves)), random(4, 2*n)
			o.run(c, half, Halves(slices.Clone(a.Halves)), Halves(slices.Clone(b.Halves)), sums)
			if want := rounded(exact.Floats); !slices.Equal(half.Halves, want.Halves) {
				t.Errorf("%s, %s: the result is not the rounded result in float32", set, o.name)
			}
			if !slices.EqualFunc(sums, exactSums, sameBits) {
				t.Errorf("%s, %s: what is float32 differs", set, o.name)
			}
		}
	}
}

// TestAttentionOfHalves: attention on arrays in bfloat16 is that on the same numbers in float32, its results rounded once, also
// where they are added to others.
func TestAttentionOfHalves(t *testing.T) {
	for _, set := range testedSets() {
		for i, threads := range []int{1, 3} {
			compareAttentionOfHalves(t, newTestCPU(t, set, threads), i, Float32)
		}
	}
	for i, c := range tileCPUs(t) {
		compareAttentionOfHalves(t, c, i, BFloat16)
	}
}

// compareAttentionOfHalves compares all cases or, in short tests, a third of them, which depends on the turn.
func compareAttentionOfHalves(t *testing.T, c *CPU, turn int, precision Precision) {
	t.Helper()
	set := fmt.Sprintf("%s, %s", c.Name(), precisionName(precision))
	for i, test := range attentionCases() {
		if testing.Short() && i%3 != turn%3 {
			continue
		}
		test.precision = precision
		half, exact := newAttentionRun(test), newAttentionRun(test)
		for _, x := range []struct{ half, exact *Array }{
			{&half.Q, &exact.Q}, {&half.K, &exact.K}, {&half.V, &exact.V}, {&half.DOut, &exact.DOut}, {&half.Out, &exact.Out},
		} {
			*x.half = rounded(x.exact.Floats)
			*x.exact = Floats(widened(*x.half))
		}
		half.forward(c)
		exact.forward(c)
		requireRounded(t, set+", "+test.name+": out", half.Out, exact.Out.Floats, nil)
		exact.Out = Floats(widened(half.Out))
		exact.backward(c)
		dq, dv := random(5, half.Q.Len()), random(6, half.V.Len())
		half.DQ = Output{To: rounded(dq), Accumulate: true}
		half.DK = Output{To: rounded(random(7, half.K.Len()))}
		half.DV = Output{To: rounded(dv), Accumulate: true}
		half.backward(c)
		requireRounded(t, set+", "+test.name+": dq", half.DQ.To, exact.DQ.To.Floats, widened(rounded(dq)))
		requireRounded(t, set+", "+test.name+": dk", half.DK.To, exact.DK.To.Floats, nil)
		requireRounded(t, set+", "+test.name+": dv", half.DV.To, exact.DV.To.Floats, widened(rounded(dv)))
		if !slices.EqualFunc(half.LSE, exact.LSE, sameBits) || !slices.EqualFunc(half.DPositionBias.To.Floats, exact.DPositionBias.To.Floats, sameBits) {
			t.Errorf("%s, %s: what is float32 differs", set, test.name)
		}
	}
}

// requireRounded fails unless an array is the rounded sum of x and what was there before, if anything was.
func requireRounded(t *testing.T, what string, got Array, x, before []float32) {
	t.Helper()
	sum := slices.Clone(x)
	for i := range before {
		sum[i] += before[i]
	}
	if !slices.Equal(got.Halves, rounded(sum).Halves) {
		t.Errorf("%s is not the rounded result in float32", what)
	}
}

// TestMixedArraysPanic: what is not stored as a routine reads it is an error, not a wrong number.
func TestMixedArraysPanic(t *testing.T) {
	c := newTestCPU(t, "portable", 1)
	floats, halves := Floats(make([]float32, 8)), Halves(make([]uint16, 8))
	for name, run := range map[string]func(){
		"activation": func() { c.ActivationBackward(GELU, floats, floats, halves) },
		"dropout":    func() { c.DropoutAdd(floats, halves, Array{}, 4, nil, Dropout{}) },
		"gather":     func() { c.GatherRows(floats, halves, 4, []int32{0, 1}) },
		"product": func() {
			c.MatMul(&Product{M: 2, N: 2, K: 2, A: halves, B: halves, C: floats, Precision: Float32})
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s takes float32 and bfloat16 together", name)
				}
			}()
			run()
		}()
	}
}
