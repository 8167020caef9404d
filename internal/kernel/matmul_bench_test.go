package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"uer/internal/kernel/routine"
)

// benchmarkProduct reports the speed of a product and its share of the limit of the threads that compute it.
func benchmarkProduct(b *testing.B, c *CPU, p productCase) {
	q := p.product(rand.New(rand.NewPCG(1, 2)))
	q.A, q.B, q.C = onLargePages(q.A), onLargePages(q.B), onLargePages(q.C)
	if p.packed {
		packed := c.Pack(make([]float32, c.PackedSize(p.k, p.n, p.precision)), q.B, q.LDB, p.k, p.n, p.transposeB, p.precision)
		q.Packed = &packed
	}
	operations := 2 * float64(p.m) * float64(p.n) * float64(p.k)
	best, limit := 0.0, productLimit{cpu: c, precision: p.precision}
	for b.Loop() {
		best = max(best, operations/float64(timed(func() { c.MatMul(&q) })))
		limit.measure()
	}
	limit.report(b, best)
}

// onLargePages returns a copy where operands of a training are, too.
func onLargePages(x Array) Array {
	y := Allocate(x.Len())
	copy(y, x.Floats)
	return Floats(y)
}

// BenchmarkMatMulPacked measures what multiplies and nothing else: both factors are packed, and they and the result lie in the
// second-level cache.
func BenchmarkMatMulPacked(b *testing.B) {
	const lines = 256
	for _, set := range InstructionSets() {
		c := newTestCPU(b, set, 1)
		for precision := range routine.Precisions {
			m := &c.table.Matmul[precision]
			depth := blockDepth(m, 768)
			pack := func(f factor) []float32 {
				p := newPanels(m, &f, lines)
				memory := Allocate(p.size(depth))
				packBlock(m, &f, memory, 0, lines, 0, depth)
				return memory
			}
			x := Floats(random(1, lines*depth))
			fA, fB := factor{x: x, leading: depth, transpose: true, lines: lines}, factor{x: x, leading: depth, transpose: true, lines: lines, isB: true}
			fA.width, fA.stride = panelOfA(m, lines)
			fB.width, fB.stride = panelOfB(m)
			t := routine.Multiply{
				Rows: lines, Columns: lines, Depth: routine.CeilDivide(depth, m.Unit), ByRows: true,
				A: pack(fA), B: pack(fB), Height: fA.width, Stride: fA.stride, C: Floats(Allocate(lines * lines)), Leading: lines,
			}
			b.Run(set+"/"+precisionName(precision), func(b *testing.B) {
				operations := 2 * float64(lines*lines*depth)
				best, limit := 0.0, productLimit{cpu: c, precision: precision}
				for b.Loop() {
					for range 8 {
						best = max(best, operations/float64(timed(func() { m.Multiply(t) })))
					}
					limit.measure()
				}
				limit.report(b, best)
			})
		}
	}
}

func BenchmarkMatMulSquare(b *testing.B) {
	for _, set := range InstructionSets() {
		size := 1024
		if set == "portable" {
			size = 256
		}
		for _, threads := range []int{1, 2} {
			c := newTestCPU(b, set, threads)
			for precision := range routine.Precisions {
				name := fmt.Sprintf("%s/%s/threads=%d/%d", set, precisionName(precision), threads, size)
				b.Run(name, func(b *testing.B) {
					benchmarkProduct(b, c, productCase{m: size, n: size, k: size, precision: precision})
				})
			}
		}
	}
}

// The products of a step of RoBERTa base over 2048 tokens: forward, and the gradients of input and weight.
func BenchmarkMatMulTraining(b *testing.B) {
	for _, threads := range []int{1, 2} {
		c := newTestCPU(b, InstructionSets()[0], threads)
		for _, shape := range []struct {
			name string
			p    productCase
		}{
			{"linear", productCase{m: 2048, n: 768, k: 768, transposeB: true, bias: true}},
			{"linear/input", productCase{m: 2048, n: 768, k: 768}},
			{"linear/weight", productCase{m: 768, n: 768, k: 2048, transposeA: true, accumulate: true}},
			{"feed1", productCase{m: 2048, n: 3072, k: 768, transposeB: true, bias: true, activation: GELU, before: true}},
			{"feed1/input", productCase{m: 2048, n: 768, k: 3072}},
			{"feed1/weight", productCase{m: 3072, n: 768, k: 2048, transposeA: true}},
			{"feed2", productCase{m: 2048, n: 768, k: 3072, transposeB: true, bias: true}},
			{"feed2/residual", productCase{m: 2048, n: 768, k: 3072, transposeB: true, bias: true, dropout: 0.1, residual: true}},
			{"feed2/input", productCase{m: 2048, n: 3072, k: 768}},
			{"feed2/weight", productCase{m: 768, n: 3072, k: 2048, transposeA: true}},
			{"ragged", productCase{m: 1303, n: 768, k: 768, transposeB: true, bias: true}},
			{"vocabulary", productCase{m: 256, n: 21128, k: 768, transposeB: true, bias: true}},
		} {
			for precision := range routine.Precisions {
				shape.p.precision = precision
				b.Run(fmt.Sprintf("%s/threads=%d/%s", precisionName(precision), threads, shape.name), func(b *testing.B) {
					benchmarkProduct(b, c, shape.p)
				})
			}
		}
	}
}

// Products with few rows or columns: recurrent steps with and without packed weights, heads, small matrices.
func BenchmarkMatMulSmall(b *testing.B) {
	c := newTestCPU(b, InstructionSets()[0], 1)
	for _, size := range [][3]int{
		{1, 2048, 512}, {4, 2048, 512}, {8, 2048, 512}, {16, 2048, 512}, {32, 2048, 512}, {64, 2048, 512},
		{2048, 64, 64}, {2048, 64, 768}, {2048, 2, 768}, {64, 64, 64}, {128, 128, 64}, {128, 64, 128},
	} {
		for _, form := range []productCase{{}, {transposeB: true}, {packed: true}} {
			form.m, form.n, form.k = size[0], size[1], size[2]
			name := fmt.Sprintf("%dx%dx%d/transposeB=%t/packed=%t", form.m, form.n, form.k, form.transposeB, form.packed)
			b.Run(name, func(b *testing.B) { benchmarkProduct(b, c, form) })
		}
	}
}
