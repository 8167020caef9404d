package kernel

import "math"

// Muon is one update of the optimizer of that name; the formula is op's.
type Muon struct {
	Rate, Decay   float64 // the factors of the orthogonal matrix, and of the parameters
	Momentum      float64
	GradientScale float64 // for clipping and averaging; 1 for neither
	A, B, C       float64 // of the iteration
	Steps         int
	Epsilon       float64
	Precision     Precision // of the products
}

// MuonScratch is the length of the scratch memory of Muon.
func MuonScratch(rows, columns int) int {
	side := min(rows, columns)
	return 2*rows*columns + 2*side*side
}

// Muon updates a matrix and its momentum in place, both [rows, columns].
func (c *CPU) Muon(m Muon, parameters, gradients, momentum []float32, rows, columns int, scratch []float32) {
	n, side := rows*columns, min(rows, columns)
	requireLength("parameters", len(parameters), n)
	requireLength("gradients", len(gradients), n)
	requireLength("momentum", len(momentum), n)
	requireScratch(scratch, MuonScratch(rows, columns))
	x, moved := scratch[:n], scratch[n:2*n] // [rows, columns]
	gram, square := scratch[2*n:2*n+side*side], scratch[2*n+side*side:2*n+2*side*side]
	c.overElements(n, func(first, last int) {
		for i := first; i < last; i++ {
			g := m.GradientScale * float64(gradients[i])
			b := m.Momentum*float64(momentum[i]) + (1-m.Momentum)*g
			momentum[i] = float32(b)
			x[i] = float32(m.Momentum*b + (1-m.Momentum)*g)
		}
	})
	c.scaleTo(x, 1/max(c.norm(x), m.Epsilon))
	for range m.Steps {
		product := Product{M: side, N: side, A: Floats(x), B: Floats(x), C: Floats(gram), Precision: m.Precision}
		if product.K = columns; rows <= columns {
			product.TransposeB = true // x xᵀ
		} else {
			product.K, product.TransposeA = rows, true // xᵀ x
		}
		c.MatMul(&product)
		c.MatMul(&Product{M: side, N: side, K: side, A: Floats(gram), B: Floats(gram), C: Floats(square), Precision: m.Precision})
		c.combine(square, gram, m.C, m.B)
		if rows <= columns {
			c.MatMul(&Product{M: side, N: columns, K: side, A: Floats(square), B: Floats(x), C: Floats(moved), Precision: m.Precision})
		} else {
			c.MatMul(&Product{M: rows, N: side, K: side, A: Floats(x), B: Floats(square), C: Floats(moved), Precision: m.Precision})
		}
		c.combine(x, moved, m.A, 1)
	}
	c.overElements(n, func(first, last int) {
		for i := first; i < last; i++ {
			p := float64(parameters[i])
			parameters[i] = float32(p - m.Decay*p - m.Rate*float64(x[i]))
		}
	})
}

// norm is the square root of Σ x².
func (c *CPU) norm(x []float32) float64 {
	blocks, _ := SquareBlocks(len(x))
	var sums [maxBlocks]float64
	c.SumSquares(sums[:blocks], x, 0)
	total := 0.0
	for _, s := range sums[:blocks] {
		total += s
	}
	return math.Sqrt(total)
}

// scaleTo multiplies x by a factor.
func (c *CPU) scaleTo(x []float32, factor float64) {
	c.overElements(len(x), func(first, last int) {
		for i := first; i < last; i++ {
			x[i] = float32(factor * float64(x[i]))
		}
	})
}

// combine replaces x by a x + b y.
func (c *CPU) combine(x, y []float32, a, b float64) {
	c.overElements(len(x), func(first, last int) {
		for i := first; i < last; i++ {
			x[i] = float32(a*float64(x[i]) + b*float64(y[i]))
		}
	})
}
