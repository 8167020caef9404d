//go:build gpu

package kernels

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"uer/internal/kernel"
)

func TestAdamW(t *testing.T) {
	c := newCPU(t)
	for _, n := range flatSizes {
		a := kernel.AdamW{Rate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-6, WeightDecay: 0.01, GradientScale: 0.5}
		p, g, m, v, half := random(1, n), random(2, n), random(3, n), random(4, n), unsetHalves(n)
		for i := range v {
			v[i] *= v[i]
		}
		wantP, wantM, wantV := slices.Clone(p), slices.Clone(m), slices.Clone(v)
		c.AdamW(a, wantP, g, wantM, wantV)
		for _, halted := range []float32{0, 1} { // once it is set nothing moves
			launch(t, "adamw", flatGrid(n), p, m, v, half, g, allDecay(n), []float64{a.GradientScale}, []float32{halted}, n,
				float32(a.Beta1), float32(1-a.Beta1), float32(a.Beta2), float32(1-a.Beta2), float32(a.Epsilon),
				float32(a.Rate), float32(a.Rate*a.WeightDecay))
		}
		compareWithin(t, "parameters", p, doubles(wantP), 3e-7)
		requireHalves(t, half, p)
		compareAll(t, "first moment", m, doubles(wantM), 2e-7)
		compareAll(t, "second moment", v, doubles(wantV), 2e-7)
	}
}

// allDecay are the rules by which AdamW updates all elements and lets them decay.
func allDecay(n int) []int32 {
	rules := make([]int32, ceilDivide(n, 256))
	for i := range rules {
		rules[i] = -1
	}
	return rules
}

func TestAdamWRules(t *testing.T) {
	const n = 600
	ranges := [][3]int{{16, 50, 1}, {64, 256, 3}, {272, 512, 1}, {528, n, 3}} // elements, and their rule
	rule, rules := make([]int, n), make([]int32, ceilDivide(n, 256))
	for _, r := range ranges {
		for i := r[0]; i < (r[1]+15)/16*16; i++ {
			if i < n {
				rule[i] = r[2]
			}
			rules[i/256] |= int32(r[2]) << (2 * (i / 16 % 16))
		}
	}
	p, g, m, v, half := random(1, n), random(2, n), make([]float32, n), make([]float32, n), unsetHalves(n)
	before := slices.Clone(p)
	launch(t, "adamw", flatGrid(n), p, m, v, half, g, rules, []float64{1}, []float32{0}, n,
		float32(0), float32(1), float32(0), float32(1), float32(0), float32(0.5), float32(0.25))
	for i := range p {
		want := before[i]
		if rule[i] > 0 {
			want -= 0.5 * sign(g[i])
		}
		if rule[i] == 3 {
			want -= 0.25 * want
		}
		if math.Abs(float64(p[i]-want)) > 1e-6 {
			t.Fatalf("element %d with rule %d is %g, want %g", i, rule[i], p[i], want)
		}
	}
}

func sign(x float32) float32 { return float32(math.Copysign(1, float64(x))) }

func TestStableAdamW(t *testing.T) {
	c := newCPU(t)
	for _, n := range flatSizes {
		if n == 0 {
			continue // a tensor has elements
		}
		for _, scale := range []float64{0.5, 30} { // the second is clipped
			a := kernel.AdamW{Rate: 1e-2, Beta1: 0.8, Beta2: 0.95, Epsilon: 1e-6, WeightDecay: 0.01, GradientScale: scale}
			p, g, m, v, half := random(1, n), random(2, n), random(3, n), random(4, n), unsetHalves(n)
			for i := range v {
				v[i] *= v[i]
			}
			wantP, wantM, wantV := slices.Clone(p), slices.Clone(m), slices.Clone(v)
			c.StableAdamW(a, wantP, g, wantM, wantV, make([]float64, kernel.StableAdamWScratch(n)))
			blocks := (n + 1023) / 1024
			partials, ratios := make([]float64, blocks), []float64{0}
			for _, halted := range []float32{0, 1} { // once it is set nothing moves
				launch(t, "stable_adamw_moments", flatGrid(n), partials, m, v, g, []float64{a.GradientScale}, []float32{halted}, n,
					float32(a.Beta1), float32(1-a.Beta1), float32(a.Beta2), float32(1-a.Beta2), float32(a.Epsilon))
				launch(t, "total_partials", grid{1}, ratios, partials, blocks)
				launch(t, "stable_adamw_update", flatGrid(n), p, half, m, v, ratios, []float32{halted}, n,
					float32(a.Epsilon), a.Rate, a.Rate*a.WeightDecay)
			}
			compareWithin(t, "parameters", p, doubles(wantP), 1e-6)
			requireHalves(t, half, p)
			compareAll(t, "first moment", m, doubles(wantM), 3e-7)
			compareAll(t, "second moment", v, doubles(wantV), 3e-7)
		}
	}
}

// TestAdafactor has two updates of each tensor, the first of which is clipped.
func TestAdafactor(t *testing.T) {
	for _, shape := range [][]int{
		{300, 8}, {}, {1}, {7}, {1000}, {1, 1}, {3, 5}, {70, 130}, {4, 1, 2, 3}, {5, 6, 3, 1}, {2, 40, 9},
	} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) { testAdafactor(t, shape) })
	}
}

func testAdafactor(t *testing.T, shape []int) {
	c := newCPU(t)
	size := 1
	for _, n := range shape {
		size *= n
	}
	nFirst, nSecond := kernel.AdafactorMoments(shape)
	p, first, second := random(1, size), make([]float32, nFirst), make([]float32, nSecond)
	wantP, wantFirst, wantSecond := slices.Clone(p), slices.Clone(first), slices.Clone(second)
	for step := 1; step <= 2; step++ {
		a := kernel.Adafactor{Rate: 0.1, WeightDecay: 0.1, GradientScale: 1.5, Step: step}
		g := random(uint64(10+step), size)
		c.Adafactor(a, wantP, g, wantFirst, wantSecond, shape, make([]float32, kernel.AdafactorScratch(shape)))
		for _, halted := range []float32{0, 1} { // once it is set nothing moves
			adafactor(t, a, p, first, second, g, shape, halted)
		}
		compareAll(t, "parameters", p, doubles(wantP), 2e-6)
		compareAll(t, "first moment", first, doubles(wantFirst), 1e-6)
		compareAll(t, "second moment", second, doubles(wantSecond), 1e-6)
	}
}

// adafactor launches one update.
func adafactor(t *testing.T, a kernel.Adafactor, p, first, second, g []float32, shape []int, halted float32) {
	t.Helper()
	count, rows, width := 1, 1, 1
	if n := len(shape); n > 0 {
		width = shape[n-1]
		if n > 1 {
			rows = shape[n-2]
			for _, m := range shape[:n-2] {
				count *= m
			}
		}
	}
	factor, flag, beta := []float64{a.GradientScale}, []float32{halted}, 1-math.Pow(float64(a.Step), -0.8)
	rowFactors, columnFactors := make([]float32, count*rows), make([]float32, count*width)
	if len(shape) < 2 {
		launch(t, "adafactor_vector_moments", grid{ceilDivide(width, 256)}, rowFactors, columnFactors, first, g, factor, flag, width, beta)
	} else {
		blocks, rowsOfBlock := RowBlocks(rows)
		partials, sums := unset(count*blocks*width), unset(count*rows)
		launch(t, "adafactor_row_sums", warpGrid(count*rows), sums, g, count*rows, width)
		launch(t, "adafactor_column_partials", cellGrid(count*blocks, width), partials, g, count, rows, width, blocks, rowsOfBlock)
		launch(t, "adafactor_row_moments", grid{count}, rowFactors, first, sums, factor, flag, rows, width, beta)
		launch(t, "adafactor_column_moments", grid{ceilDivide(count*width, 256)}, columnFactors, second, partials, factor, flag,
			count, rows, width, blocks, beta)
	}
	squares, total, half := make([]float64, count*rows), []float64{0}, unsetHalves(len(p))
	launch(t, "adafactor_square_partials", warpGrid(count*rows), squares, g, rowFactors, columnFactors, count, rows, width)
	launch(t, "total_partials", grid{1}, total, squares, count*rows)
	launch(t, "adafactor_update", cellGrid(count*rows, width), p, half, g, rowFactors, columnFactors, total, flag, count, rows, width,
		a.Rate, a.Rate*a.WeightDecay)
	if halted == 0 {
		requireHalves(t, half, p)
	}
}

func TestMuon(t *testing.T) {
	const beta, epsilon, rate, decay = 0.95, 1e-7, 0.3, 0.01
	for _, n := range flatSizes {
		if n == 0 {
			continue // a matrix has elements
		}
		for _, halted := range []float32{0, 1} {
			g, m, p, half := random(1, n), random(2, n), random(3, n), unsetHalves(n)
			before, start := slices.Clone(m), slices.Clone(p)
			x := make([]float32, n)
			launch(t, "muon_momentum", flatGrid(n), x, m, g, []float64{0.5}, []float32{halted}, n, float32(beta), float32(1-beta))
			squares := 0.0
			want, moment := make([]float64, n), make([]float64, n)
			for i := range want {
				moment[i] = beta*float64(before[i]) + (1-beta)*0.5*float64(g[i])
				want[i] = beta*moment[i] + (1-beta)*0.5*float64(g[i])
				if halted != 0 {
					moment[i] = float64(before[i])
				}
				squares += want[i] * want[i]
			}
			compareAll(t, "momentum", m, moment, 3e-7)
			compareAll(t, "update", x, want, 3e-7)
			launch(t, "muon_normalize", flatGrid(n), x, []float64{squares}, n, epsilon)
			launch(t, "muon_combine", flatGrid(n), x, g, n, float32(2), float32(-3))
			for i := range want {
				want[i] = 2*want[i]/max(math.Sqrt(squares), epsilon) - 3*float64(g[i])
			}
			compareAll(t, "combination", x, want, 1e-6)
			launch(t, "muon_update", flatGrid(n), p, half, x, []float32{halted}, n, float32(rate), float32(decay))
			for i := range want {
				if want[i] = float64(start[i])*(1-decay) - rate*want[i]; halted != 0 {
					want[i] = float64(start[i])
				}
			}
			compareAll(t, "parameters", p, want, 1e-6)
			if halted == 0 {
				requireHalves(t, half, p)
			}
		}
	}
}
