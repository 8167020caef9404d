package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"uer/internal/kernel/native"
	"uer/internal/kernel/portable"
	"uer/internal/kernel/routine"
)

// tileCPUs are a CPU of each instruction set whose products in bfloat16 have the bits of AMX, the portable one first.
// Without AMX its routines run on emulated tiles.
func tileCPUs(t *testing.T) []*CPU {
	cpus := []*CPU{newTestCPU(t, "portable", 1)}
	sets := InstructionSets()
	for _, set := range sets {
		if set != "portable" && set != native.VDPBF16 {
			cpus = append(cpus, newTestCPU(t, set, 2))
		}
	}
	if sets[0] != native.AMX && slices.Contains(sets, native.VDPBF16) {
		table := portable.Table()
		native.Fill(native.EmulatedAMX, &table)
		emulated := newTestCPU(t, sets[0], 2)
		emulated.table = &table
		cpus = append(cpus, emulated)
	}
	return cpus
}

// numbers are classes of numbers that products in bfloat16 may treat in different ways.
var numbers = map[string]func(generator *rand.Rand) float32{
	"any bits": func(g *rand.Rand) float32 { return math.Float32frombits(g.Uint32()) },
	"normal":   func(g *rand.Rand) float32 { return float32(g.NormFloat64()) },
	"tiny":     func(g *rand.Rand) float32 { return float32(g.NormFloat64() * math.Exp2(-63+float64(g.IntN(5)-2))) },
	"smallest": func(g *rand.Rand) float32 { // about 2^-126, above which numbers are normal
		return float32((1 + g.Float64()) * math.Exp2(-127+float64(g.IntN(3))) * float64(1-2*g.IntN(2)))
	},
	"almost normal": func(g *rand.Rand) float32 { // 2^-126 once rounded, or a little less
		return float32(1-2*g.IntN(2)) * math.Float32frombits(0x00800000-uint32(g.IntN(0x10000)))
	},
	"about one": func(g *rand.Rand) float32 { return float32(1-2*g.IntN(2)) * (1 + float32(g.IntN(256)-128)/256) },
	"special": func(g *rand.Rand) float32 {
		list := []float64{math.Inf(1), math.Inf(-1), math.NaN(), 0, math.Copysign(0, -1), 1e-40, -1e-40, 1, -1, 2, 3e38, -3.4e38}
		return float32(list[g.IntN(len(list))])
	},
	"zeros":  func(g *rand.Rand) float32 { return float32(math.Copysign(0, float64(1-2*g.IntN(2)))) },
	"large":  func(g *rand.Rand) float32 { return float32(g.NormFloat64() * math.Exp2(60+float64(g.IntN(8)))) },
	"sparse": func(g *rand.Rand) float32 { return float32(g.NormFloat64()) * float32(g.IntN(10)/9) },
}

// TestTiles: products in the precisions of bfloat16 have the same bits in plain Go, by multiply-adds, and on tiles, for all
// numbers, sizes and forms. What is added to the product has the numbers of C, so that it hides nothing of it.
func TestTiles(t *testing.T) {
	cpus := tileCPUs(t)
	sizes := [][3]int{{1, 1, 1}, {20, 37, 1}, {31, 40, 2}, {16, 16, 32}, {17, 33, 33}, {32, 32, 64}, {33, 17, 65}, {48, 63, 96}, {70, 100, 200}, {20, 30, 1100}}
	number := 0
	for _, class := range [][3]string{
		{"any bits", "any bits", "any bits"}, {"normal", "normal", "normal"}, {"tiny", "tiny", "zeros"}, {"smallest", "about one", "zeros"},
		{"smallest", "about one", "smallest"}, {"almost normal", "about one", "zeros"}, {"about one", "almost normal", "zeros"},
		{"special", "special", "special"}, {"zeros", "sparse", "zeros"}, {"large", "large", "large"}, {"about one", "about one", "normal"},
		{"sparse", "sparse", "sparse"},
	} {
		for _, size := range sizes {
			for form := range 8 {
				number++
				if testing.Short() && form != number%8 {
					continue
				}
				p := productCase{m: size[0], n: size[1], k: size[2], transposeA: form&1 != 0, transposeB: form&2 != 0, accumulate: form&4 != 0,
					bias: number%4 == 0, packed: number/2%2 == 0, residual: number/4%4 == 0, padding: number % 3, precision: BFloat16 + Precision(number%3)}
				generator := rand.New(rand.NewPCG(uint64(number), 7))
				q := p.product(generator)
				for i, x := range [][]float32{q.A.Floats, q.B.Floats, q.C.Floats, q.Bias, q.Residual.Floats} {
					for j := range x {
						x[j] = numbers[class[min(i, 2)]](generator)
					}
				}
				requireSameTiles(t, cpus, fmt.Sprint(class), p, q)
			}
		}
	}
}

// requireSameTiles fails if two CPUs compute different bits; a NaN is as good as another.
func requireSameTiles(t *testing.T, cpus []*CPU, class string, p productCase, q Product) {
	t.Helper()
	var want []float32
	for _, c := range cpus {
		got := q
		got.C = Floats(slices.Clone(q.C.Floats))
		multiplyCase(c, p, &got)
		for i := range p.m {
			row := got.C.Floats[i*got.LDC : i*got.LDC+p.n]
			for j := range row {
				if want == nil {
					break
				}
				if w := want[i*got.LDC+j]; !sameBits(w, row[j]) && (w == w || row[j] == row[j]) {
					t.Fatalf("%s, numbers %s, %v: C[%d, %d] is %g (%#08x), not %g (%#08x)", c.Name(), class, p, i, j, row[j],
						math.Float32bits(row[j]), w, math.Float32bits(w))
				}
			}
		}
		if want == nil {
			want = got.C.Floats
		}
	}
}

// TestTilesSum checks the order and the rounding of the sums of one instruction by hand.
func TestTilesSum(t *testing.T) {
	const tiny = 0x1p-126
	for name, test := range map[string]struct {
		a, b  []float32
		start float32
		want  float32
	}{
		"even and odd positions are chains of their own": { // in one chain, 1 would be lost between the large numbers
			a: []float32{0x1p30, 1, -0x1p30, 1}, b: []float32{1, 1, 1, 1}, want: 2},
		"a chain begins at zero, not at the sum so far": {a: []float32{-0x1p24, 0, 1, 0}, b: []float32{1, 0, 1, 0}, start: 0x1p24, want: 1},
		"a product is not rounded":                      {a: []float32{1.0078125, 0, -1, 0}, b: []float32{1.0078125, 0, 1.015625, 0}, want: 0x1p-14},
		"subnormal products are zero":                   {a: []float32{tiny, 0, 1, 0}, b: []float32{0.5, 0, 1, 0}, want: 1},
		"subnormal sums are zero":                       {a: []float32{tiny, 0, -tiny, 0}, b: []float32{1.5, 0, 1, 0}, want: 0},
		"subnormal factors are zero":                    {a: []float32{tiny / 2, 0, 0, 0}, b: []float32{0x1p100, 0, 0, 0}, want: 0},
		"what rounds to the smallest normal is kept":    {a: []float32{tiny, 0, 0x1p-76, 0}, b: []float32{1, 0, -0x1p-76, 0}, want: tiny},
		"the smallest normal is kept":                   {a: []float32{tiny}, b: []float32{1}, want: tiny},
	} {
		for _, c := range tileCPUs(t) {
			result := []float32{test.start}
			c.MatMul(&Product{M: 1, N: 1, K: len(test.a), A: Floats(test.a), B: Floats(test.b), C: Floats(result), Accumulate: test.start != 0, Precision: BFloat16})
			if result[0] != test.want {
				t.Errorf("%s: %s: %g, not %g", c.Name(), name, result[0], test.want)
			}
		}
	}
}

// TestPrecisionErrors: the errors of a product of long sums, in units of those in float32, are about what is said of the
// precisions: bf16x6 has fewer, bf16x3 ten times as many, bf16 thousands.
func TestPrecisionErrors(t *testing.T) {
	c := newTestCPU(t, InstructionSets()[0], 2)
	p := productCase{m: 30, n: 40, k: 3000}
	q := p.product(rand.New(rand.NewPCG(3, 4)))
	var errs [routine.Precisions]float64
	for q.Precision = range routine.Precisions {
		c.MatMul(&q)
		exact := q
		exact.Precision = Float32
		for i := range p.m {
			for j := range p.n {
				sum, _ := reference(&exact, i, j)
				errs[q.Precision] += math.Pow(float64(q.C.Floats[i*q.LDC+j])-sum, 2)
			}
		}
	}
	for precision, within := range map[Precision][2]float64{BFloat16: {1000, 20000}, BFloat16x3: {3, 30}, BFloat16x6: {0.1, 1.01}} {
		if ratio := math.Sqrt(errs[precision] / errs[Float32]); !(ratio > within[0] && ratio < within[1]) {
			t.Errorf("precision %d: errors are %.3g of those in float32, not within %v", precision, ratio, within)
		} else {
			t.Logf("precision %d: %.3g", precision, ratio)
		}
	}
}
