package kernel

import (
	"fmt"
	"sync/atomic"
	"time"

	"uer/internal/kernel/routine"
)

// Product is a matrix product, and what is applied to its result while that is in the cache:
//
//	PreActivation = A B + Bias, plus C if Accumulate
//	C = dropout(Activation(PreActivation)) + Residual
//
// Matrices are row-major. A leading dimension is the distance between rows in elements; 0 means that rows are adjacent.
// C and PreActivation must not overlap the other operands. Only in the precision BFloat16 may arrays be stored in bfloat16.
type Product struct {
	M, N, K       int
	A             Array // [M, K], or [K, M] if TransposeA
	LDA           int
	TransposeA    bool
	B             Array // [K, N], or [N, K] if TransposeB
	LDB           int
	TransposeB    bool
	Packed        *Packed // replaces B, LDB and TransposeB unless nil
	C             Array   // [M, N]
	LDC           int
	Accumulate    bool
	Bias          []float32 // [N], added to every row; nil for none
	Activation    Activation
	PreActivation Array // [M, N] with the leading dimension of C; left out if not wanted
	Dropout       Dropout
	Rows          []int32   // [M], row numbers for Dropout; not read if nothing is dropped
	Residual      Array     // [M, N] with the leading dimension of C; left out for none
	Precision     Precision // of A and B, and of Packed
	Scratch       []float32 // PartialSums elements, if C is in bfloat16
}

// Precision is the format in which a product reads its factors.
type Precision = routine.Precision

// The precisions.
const (
	Float32    = routine.Float32
	BFloat16   = routine.BFloat16
	BFloat16x3 = routine.BFloat16x3
	BFloat16x6 = routine.BFloat16x6
)

// MatMul computes a product. It sums in float32 over blocks of K, one after the other; their size depends on K and the
// precision alone.
func (c *CPU) MatMul(p *Product) {
	q := *p
	q.complete()
	if q.M == 0 || q.N == 0 {
		return
	}
	run := c.newProductRun(q)
	for line := 0; line < run.shared.lines; line += run.chunkLines {
		for start := 0; start == 0 || start < q.K; start += run.chunkDepth {
			run.chunk(line, start)
		}
	}
}

// PeakGFLOPS measures how many billion floating-point operations per second all threads together reach in a loop of
// multiply-adds that touches no memory: the limit of any product in that precision. It is the mean over the duration, with
// all threads running: cores may share a power budget, and a virtual machine its processor, so n threads can be slower than
// n times one.
func (c *CPU) PeakGFLOPS(precision Precision, duration time.Duration) float64 {
	const rounds, tilesPerThread = 1 << 15, 16
	peak := c.table.Matmul[precision].Peak
	var operations atomic.Int64
	start := time.Now()
	for time.Since(start) < duration {
		c.parallel(tilesPerThread*c.Threads(), func(int) { operations.Add(int64(peak(rounds))) })
	}
	return float64(operations.Load()) / float64(time.Since(start).Nanoseconds())
}

// complete fills in the leading dimensions and panics if an operand is too short.
func (p *Product) complete() {
	if p.M < 0 || p.N < 0 || p.K < 0 {
		panic(fmt.Sprintf("kernel: product of size %d, %d, %d", p.M, p.N, p.K))
	}
	p.LDA = requireMatrix("A", p.A, p.M, p.K, p.LDA, p.TransposeA)
	if p.Packed == nil {
		p.LDB = requireMatrix("B", p.B, p.K, p.N, p.LDB, p.TransposeB)
	} else if p.Packed.k != p.K || p.Packed.n != p.N || p.Packed.precision != p.Precision {
		panic(fmt.Sprintf("kernel: packed matrix [%d, %d] in precision %d in a product that needs [%d, %d] in precision %d",
			p.Packed.k, p.Packed.n, p.Packed.precision, p.K, p.N, p.Precision))
	}
	p.LDC = requireMatrix("C", p.C, p.M, p.N, p.LDC, false)
	if p.LDC < p.N {
		panic(fmt.Sprintf("kernel: C has %d columns and the leading dimension %d", p.N, p.LDC))
	}
	if p.PreActivation.Present() {
		requireMatrix("PreActivation", p.PreActivation, p.M, p.N, p.LDC, false)
	}
	if p.Residual.Present() {
		requireMatrix("Residual", p.Residual, p.M, p.N, p.LDC, false)
	}
	requireOptional("Bias", Floats(p.Bias), p.N)
	p.Rows = dropoutRows(p.Rows, p.M, p.Dropout)
	if p.Activation == None && p.PreActivation.Present() {
		panic("kernel: PreActivation without an activation")
	}
	for _, x := range [...]Array{p.A, p.B, p.C, p.PreActivation, p.Residual} {
		if x.Halves != nil && p.Precision != BFloat16 {
			panic(fmt.Sprintf("kernel: operand in bfloat16 of a product in precision %d", p.Precision))
		}
	}
}

// PartialSums is how much scratch memory a product takes whose result is stored in bfloat16: what the blocks of K but the
// last add up to is kept in float32. leading is that of C.
func (c *CPU) PartialSums(m, leading, k int, precision Precision) int {
	if k <= blockDepth(&c.table.Matmul[precision], k) {
		return 0
	}
	return m * leading
}

// requireMatrix returns the leading dimension of a matrix, and panics if the matrix does not fit into x.
func requireMatrix(operand string, x Array, rows, columns, leading int, transposed bool) int {
	if transposed {
		rows, columns = columns, rows
	}
	if leading == 0 {
		leading = columns
	}
	if rows > 0 && columns > 0 && x.Len() < (rows-1)*leading+columns {
		panic(fmt.Sprintf("kernel: %s has length %d, too short for %d rows of %d", operand, x.Len(), rows, columns))
	}
	return leading
}
