package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestNormsAreThoseOfUER(t *testing.T) {
	golden := readParts(t).LayerNorm
	for _, set := range testedSets() {
		c := newTestCPU(t, set, 1)
		for name, kind := range map[string]NormKind{"normal": NormUER, "t5": NormRMS} {
			part := golden[name]
			x, dy := slices.Concat(part.X...), slices.Concat(part.DY...)
			width := len(part.X[0])
			gamma := part.Params["gamma"]
			if kind == NormRMS {
				gamma = part.Params["weight"]
			}
			y, dx, stats := make([]float32, len(x)), make([]float32, len(x)), make([]float32, 2*len(part.X))
			dgamma, dbeta := make([]float32, width), make([]float32, width)
			c.NormForward(&Norm{Kind: kind, Epsilon: 1e-6, Width: width, Gamma: gamma, Beta: part.Params["beta"], X: Floats(x), Y: Floats(y), Stats: stats})
			c.NormBackward(&NormGradient{
				Kind: kind, Epsilon: 1e-6, Width: width, Gamma: gamma, DY: Floats(dy), Sum: Floats(x), Stats: stats,
				DX: Output{To: Floats(dx)}, DGamma: Output{To: Floats(dgamma)}, DBeta: Output{To: Floats(dbeta)},
				Scratch: make([]float32, NormGradientScratch(len(part.X), width)),
			})
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

// TestStandardNorm compares with the formula of PyTorch in float64, on rows whose variance epsilon matters for.
func TestStandardNorm(t *testing.T) {
	for _, set := range testedSets() {
		c := newTestCPU(t, set, 1)
		const rows, width, epsilon = 5, 19, 1e-5
		x, gamma, beta := random(1, rows*width), random(2, width), random(3, width)
		for i := range x {
			x[i] = 3 + x[i]/100
		}
		y, stats := make([]float32, len(x)), make([]float32, 2*rows)
		c.NormForward(&Norm{Kind: NormStandard, Epsilon: epsilon, Width: width, Gamma: gamma, Beta: beta, X: Floats(x), Y: Floats(y), Stats: stats})
		var want []float64
		for r := range rows {
			row := float64s(x[r*width : (r+1)*width])
			mean, variance := 0.0, 0.0
			for _, v := range row {
				mean += v / width
			}
			for _, v := range row {
				variance += (v - mean) * (v - mean) / width
			}
			for j, v := range row {
				want = append(want, (v-mean)/math.Sqrt(variance+epsilon)*float64(gamma[j])+float64(beta[j]))
			}
		}
		requireNear(t, set, y, want, 1e-4) // the rows are float32 near 3, their deviations a hundredth
	}
}

// normRun is a norm with its operands, and its gradient.
type normRun struct {
	Norm
	gradient NormGradient
}

func newNormRun(kind NormKind, rows, width int, p float32) *normRun {
	n := rows * width
	r := &normRun{Norm: Norm{
		Kind: kind, Epsilon: 1e-3, Width: width, Gamma: random(1, width), Beta: random(2, width),
		X: Floats(random(3, n)), Residual: Floats(random(4, n)), Rows: counting(3, rows), Dropout: Dropout{Probability: p, Key: 11},
		Y: Floats(make([]float32, n)), Sum: Floats(make([]float32, n)), Stats: make([]float32, 2*rows),
	}}
	r.gradient = NormGradient{
		Kind: kind, Epsilon: 1e-3, Width: width, Gamma: r.Gamma, DY: Floats(random(5, n)), Sum: r.Sum, Stats: r.Stats, Rows: r.Rows, Dropout: r.Dropout,
		DX: Output{To: Floats(random(6, n))}, DResidual: Output{To: Floats(random(7, n))},
		DGamma: Output{To: Floats(random(8, width))}, DBeta: Output{To: Floats(random(9, width))},
		Scratch: make([]float32, NormGradientScratch(rows, width)),
	}
	if kind == NormRMS {
		r.Beta, r.gradient.DBeta.To = nil, Array{}
	}
	for i := range r.X.Floats {
		r.X.Floats[i] += 1
	}
	return r
}

func (r *normRun) forward(c *CPU) { c.NormForward(&r.Norm) }

// backward adds to those of DX, DResidual, DGamma, DBeta that are said to accumulate.
func (r *normRun) backward(c *CPU, accumulate [4]bool) {
	g := &r.gradient
	for i, output := range []*Output{&g.DX, &g.DResidual, &g.DGamma, &g.DBeta} {
		output.Accumulate = accumulate[i]
	}
	c.NormBackward(g)
}

func (r *normRun) outputs() [][]float32 {
	g := &r.gradient
	return [][]float32{r.Y.Floats, r.Sum.Floats, r.Stats, g.DX.To.Floats, g.DResidual.To.Floats, g.DGamma.To.Floats, g.DBeta.To.Floats}
}

func TestNormsAgree(t *testing.T) {
	for _, kind := range []NormKind{NormUER, NormRMS, NormStandard} {
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
	for _, kind := range []NormKind{NormUER, NormRMS, NormStandard} {
		c := newTestCPU(t, "portable", 1)
		r := newNormRun(kind, 4, 9, 0.3)
		r.forward(c)
		r.backward(c, [4]bool{})
		g := &r.gradient
		loss := func() float64 { r.forward(c); return weighted(r.Y.Floats, g.DY.Floats) }
		requireGradient(t, "x", r.X.Floats, g.DX.To.Floats, loss)
		requireGradient(t, "residual", r.Residual.Floats, g.DResidual.To.Floats, loss)
		requireGradient(t, "gamma", r.Gamma, g.DGamma.To.Floats, loss)
		requireGradient(t, "beta", r.Beta, g.DBeta.To.Floats, loss)
	}
}

func TestNormWithoutSumReadsX(t *testing.T) {
	for _, set := range testedSets() {
		c := newTestCPU(t, set, 2)
		r := newNormRun(NormUER, 70, 100, 0)
		c.Fill(r.Residual.Floats, 0)
		r.forward(c)
		want := slices.Clone(r.Y.Floats)
		x := slices.Clone(r.X.Floats)
		r.Sum, r.Residual = Array{}, Array{}
		r.forward(c)
		if !slices.Equal(r.Y.Floats, want) || !slices.Equal(r.X.Floats, x) {
			t.Errorf("%s: norm of x differs from norm of x + 0, or x changed", set)
		}
		r.Y = r.X
		r.forward(c)
		if !slices.Equal(r.Y.Floats, want) {
			t.Errorf("%s: norm in place differs", set)
		}
	}
}

func BenchmarkNorm(b *testing.B) {
	const rows, width = 4096, 768
	for _, p := range []float32{0, 0.1} {
		r := newNormRun(NormUER, rows, width, p)
		b.Run(fmt.Sprintf("forward/dropout=%v", p), func(b *testing.B) {
			eachSet(b, 16*rows*width, r.forward)
		})
		b.Run(fmt.Sprintf("backward/dropout=%v", p), func(b *testing.B) {
			eachSet(b, 16*rows*width, func(c *CPU) { r.backward(c, [4]bool{}) })
		})
	}
}
