package kernel

import (
	"fmt"
	"slices"
	"testing"
)

func TestNormsAreThoseOfUER(t *testing.T) {
	golden := readParts(t).LayerNorm
	for _, set := range InstructionSets() {
		c := newTestCPU(t, set, 1)
		for name, kind := range map[string]NormKind{"normal": NormUER, "t5": NormRMS} {
			part := golden[name]
			x, dy := slices.Concat(part.X...), slices.Concat(part.DY...)
			width := len(part.X[0])
			n := Norm{Kind: kind, Width: width, Gamma: part.Params["gamma"], Beta: part.Params["beta"]}
			if kind == NormRMS {
				n.Gamma = part.Params["weight"]
			}
			y, dx, stats := make([]float32, len(x)), make([]float32, len(x)), make([]float32, 2*len(part.X))
			dgamma, dbeta := make([]float32, width), make([]float32, width)
			scratch := make([]float32, NormBackwardScratch(len(part.X), width))
			c.NormForward(n, y, nil, stats, x, nil, nil, Dropout{})
			c.NormBackward(n, dx, nil, dgamma, dbeta, dy, x, stats, nil, Dropout{}, scratch, [4]bool{})
			requireNear(t, set+" "+name+" y", y, float64s(slices.Concat(part.Y...)), 3e-7)
			for r, want := range part.DX { // the rows differ in size: one has the deviation 0
				requireNear(t, set+" "+name+" dx", dx[r*width:(r+1)*width], float64s(want), 5e-7)
			}
			if kind == NormRMS {
				requireNear(t, set+" t5 weight", dgamma, float64s(part.DParams["weight"]), 3e-7)
				continue
			}
			requireNear(t, set+" gamma", dgamma, float64s(part.DParams["gamma"]), 3e-7)
			requireNear(t, set+" beta", dbeta, float64s(part.DParams["beta"]), 3e-7)
		}
	}
}

// normRun is a norm with its operands.
type normRun struct {
	Norm
	x, residual, dy, y, sum, stats, dx, dresidual, dgamma, dbeta []float32
	rows                                                         []int32
	Dropout
}

func newNormRun(kind NormKind, rows, width int, p float32) *normRun {
	n := rows * width
	r := &normRun{
		Norm: Norm{Kind: kind, Width: width, Gamma: random(1, width), Beta: random(2, width)},
		x:    random(3, n), residual: random(4, n), dy: random(5, n),
		y: make([]float32, n), sum: make([]float32, n), stats: make([]float32, 2*rows),
		dx: random(6, n), dresidual: random(7, n), dgamma: random(8, width), dbeta: random(9, width),
		rows: counting(3, rows), Dropout: Dropout{Probability: p, Key: 11},
	}
	if kind == NormRMS {
		r.Beta, r.dbeta = nil, nil
	}
	for i := range r.x {
		r.x[i] += 1
	}
	return r
}

func (r *normRun) forward(c *CPU) {
	c.NormForward(r.Norm, r.y, r.sum, r.stats, r.x, r.residual, r.rows, r.Dropout)
}

func (r *normRun) backward(c *CPU, accumulate [4]bool) {
	scratch := make([]float32, NormBackwardScratch(len(r.rows), r.Width))
	c.NormBackward(r.Norm, r.dx, r.dresidual, r.dgamma, r.dbeta, r.dy, r.sum, r.stats, r.rows, r.Dropout, scratch, accumulate)
}

func (r *normRun) outputs() [][]float32 {
	return [][]float32{r.y, r.sum, r.stats, r.dx, r.dresidual, r.dgamma, r.dbeta}
}

func TestNormsAgree(t *testing.T) {
	for _, kind := range []NormKind{NormUER, NormRMS} {
		for _, size := range [][2]int{{0, 5}, {1, 2}, {1, 3}, {3, 17}, {65, 63}, {70, 300}} {
			for _, p := range []float32{0, 0.1} {
				for _, accumulate := range [][4]bool{{}, {true, true, true, true}, {true, false, false, true}} {
					t.Run(fmt.Sprint(kind, size, p, accumulate), func(t *testing.T) {
						requireSame(t, 3e-6, func(c *CPU) [][]float32 {
							r := newNormRun(kind, size[0], size[1], p)
							r.forward(c)
							r.backward(c, accumulate)
							return r.outputs()
						})
					})
				}
			}
		}
	}
}

func TestNormGradients(t *testing.T) {
	for _, kind := range []NormKind{NormUER, NormRMS} {
		c := newTestCPU(t, "portable", 1)
		r := newNormRun(kind, 4, 9, 0.3)
		r.forward(c)
		r.backward(c, [4]bool{})
		loss := func() float64 { r.forward(c); return weighted(r.y, r.dy) }
		requireGradient(t, "x", r.x, r.dx, loss)
		requireGradient(t, "residual", r.residual, r.dresidual, loss)
		requireGradient(t, "gamma", r.Gamma, r.dgamma, loss)
		requireGradient(t, "beta", r.Beta, r.dbeta, loss)
	}
}

func TestNormWithoutSumReadsX(t *testing.T) {
	for _, set := range InstructionSets() {
		c := newTestCPU(t, set, 2)
		r := newNormRun(NormUER, 70, 100, 0)
		c.Fill(r.residual, 0)
		r.forward(c)
		want := slices.Clone(r.y)
		x := slices.Clone(r.x)
		c.NormForward(r.Norm, r.y, nil, r.stats, r.x, nil, nil, Dropout{})
		if !slices.Equal(r.y, want) || !slices.Equal(r.x, x) {
			t.Errorf("%s: norm of x differs from norm of x + 0, or x changed", set)
		}
		c.NormForward(r.Norm, r.x, nil, r.stats, r.x, nil, nil, Dropout{})
		if !slices.Equal(r.x, want) {
			t.Errorf("%s: norm in place differs", set)
		}
	}
}

func BenchmarkNorm(b *testing.B) {
	const rows, width = 4096, 768
	for _, p := range []float32{0, 0.1} {
		r := newNormRun(NormUER, rows, width, p)
		scratch := make([]float32, NormBackwardScratch(rows, width))
		b.Run(fmt.Sprintf("forward/dropout=%v", p), func(b *testing.B) {
			eachSet(b, 16*rows*width, r.forward)
		})
		b.Run(fmt.Sprintf("backward/dropout=%v", p), func(b *testing.B) {
			eachSet(b, 16*rows*width, func(c *CPU) {
				c.NormBackward(r.Norm, r.dx, r.dresidual, r.dgamma, r.dbeta, r.dy, r.sum, r.stats, r.rows, r.Dropout, scratch, [4]bool{})
			})
		})
	}
}
