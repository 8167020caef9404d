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

// normed is what a normalisation makes of some rows, and its gradients.
type normed struct {
	y, stats, dsum, dgamma, dbeta []float64
	largest                       float64 // term of dsum
}

// normalise computes the formulas of op.Norm in float64.
func normalise(kind op.NormKind, sum, gamma, beta, dy []float32, width int) normed {
	n := normed{dgamma: make([]float64, width), dbeta: make([]float64, width)}
	for i := 0; i < len(sum); i += width {
		x, dy := doubles(sum[i:i+width]), dy[i:i+width]
		mean, squares, slope, product := 0.0, 0.0, 0.0, 0.0
		for _, v := range x {
			if kind != op.NormRMS {
				mean += v / float64(width)
			}
		}
		for j := range x {
			x[j] -= mean
			squares += x[j] * x[j]
			slope += float64(gamma[j]) * float64(dy[j])
			product += float64(gamma[j]) * float64(dy[j]) * x[j]
		}
		deviation, factor := 0.0, 0.0
		q := math.Sqrt(squares/float64(width) + 1e-6)
		switch {
		case kind == op.NormRMS:
			deviation, factor, slope = q, product/(q*q*q*float64(width)), 0
		case kind == op.NormStandard:
			deviation, factor = q, product/(q*q*q*float64(width))
		default:
			deviation = math.Sqrt(squares / float64(max(1, width-1)))
			q = deviation + 1e-6
			if deviation > 0 {
				factor = product / (q * q * deviation * float64(max(1, width-1)))
			}
		}
		n.stats = append(n.stats, mean, deviation)
		for j, c := range x {
			b := 0.0
			if beta != nil {
				b = float64(beta[j])
			}
			n.y = append(n.y, float64(gamma[j])*c/q+b)
			n.dsum = append(n.dsum, (float64(gamma[j])*float64(dy[j])-slope/float64(width))/q-c*factor)
			n.largest = max(n.largest, math.Abs(float64(gamma[j])*float64(dy[j]))/q, math.Abs(c*factor))
			n.dgamma[j] += float64(dy[j]) * c / q
			n.dbeta[j] += float64(dy[j])
		}
	}
	return n
}

// TestNormOfTeams has rows that several warps share, and warps that come to more than 32 rows. These launches are recorded.
func TestNormOfTeams(t *testing.T) {
	for _, size := range [][2]int{{19, 2056}, {70, 1600}, {21, 264}} {
		testNorm(t, storages[1], op.NormUER, size[0], size[1], 0.3)
	}
}

func TestNorm(t *testing.T) {
	forStorages(t, func(t *testing.T, s storage) {
		// Also rows of one warp, of several, and too long ones.
		for _, size := range append(slices.Clone(matrixSizes), [2]int{20, 128}, [2]int{3, 768}, [2]int{37, 776}, [2]int{6, 1600}, [2]int{3, 3080}, [2]int{2, 4104}) {
			for kind, name := range map[op.NormKind]string{op.NormUER: "uer", op.NormRMS: "rms", op.NormStandard: "standard"} {
				for _, probability := range []float32{0, 0.3} {
					t.Run(fmt.Sprintf("%s of %v, dropout %v", name, size, probability), func(t *testing.T) {
						testNorm(t, s, kind, size[0], size[1], probability)
					})
				}
			}
		}
	})
}

func testNorm(t *testing.T, s storage, kind op.NormKind, rows, width int, probability float32) {
	x, residual, gamma, dy := s.random(1, rows*width), s.random(2, rows*width), random(3, width), s.random(4, rows*width)
	var beta any
	var betas []float32
	if kind != op.NormRMS {
		betas = random(5, width)
		beta = betas
	}
	number := numbers(rows)
	d, dropout := dropping(probability)
	sum := make([]float32, rows*width)
	newCPU(t).DropoutAdd(kernel.Floats(sum), kernel.Floats(x), kernel.Floats(residual), width, number, d)
	sum = s.rounded(sum)

	y, gotSum, stats := unset(rows*width), unset(rows*width), unset(2*rows)
	launch(t, "norm_"+s.name, warpGrid(rows),
		append([]any{y, gotSum, stats, x, residual, number, gamma, beta, rows, width, int(kind), float32(1e-6)}, dropout...)...)
	compareAll(t, "sum", gotSum, doubles(sum), 0)
	want := normalise(kind, sum, gamma, betas, dy, width)
	s.compareWithin(t, "y", y, want.y, 4e-6)
	compareAll(t, "stats", stats, want.stats, 1e-6)

	alone, aloneStats := unset(rows*width), unset(2*rows)
	_, none := dropping(0)
	launch(t, "norm_"+s.name, warpGrid(rows),
		append([]any{alone, nil, aloneStats, sum, nil, nil, gamma, beta, rows, width, int(kind), float32(1e-6)}, none...)...)
	compareAll(t, "y without a sum", alone, doubles(y), 0)

	dx, dresidual := s.random(6, rows*width), unset(rows*width)
	wantX := make([]float64, len(dx))
	for i, keep := range kept(t, number, width, d) {
		wantX[i] = float64(dx[i]) + keep*want.dsum[i]
	}
	dgamma, dbeta := random(7, width), unset(width)
	wantGamma := added(dgamma, want.dgamma)
	testNormGradient(t, s, kind, normGradient{
		dx: dx, dresidual: dresidual, dgamma: dgamma, dbeta: dbeta, dy: dy, sum: sum, stats: stats, gamma: gamma,
	}, number, rows, width, dropout)
	s.compareWithin(t, "dresidual", dresidual, want.dsum, 2e-6*want.largest)
	s.compareWithin(t, "dx", dx, wantX, 4e-6*(1+want.largest))
	compareWithin(t, "dgamma", dgamma, wantGamma, 3e-5)
	compareWithin(t, "dbeta", dbeta, want.dbeta, 3e-5)
}

type normGradient struct{ dx, dresidual, dgamma, dbeta, dy, sum, stats, gamma []float32 }

// testNormGradient adds to dx and dgamma, and overwrites dresidual and dbeta.
func testNormGradient(t *testing.T, s storage, kind op.NormKind, g normGradient, number []int32, rows, width int, dropout []any) {
	t.Helper()
	shape := []any{rows, width, int(kind), float32(1e-6)}
	sum := func(partials []float32, blocks int) {
		sumColumns(t, columnSum{g.dgamma, partials, blocks, width, 2 * width, true}, columnSum{g.dbeta, partials[width:], blocks, width, 2 * width, false})
	}
	if s.kind == Float32 {
		launch(t, "norm_gradient_float", warpGrid(rows),
			slices.Concat([]any{g.dx, g.dresidual, g.dy, g.sum, g.stats, number, g.gamma}, shape, dropout, []any{true, false})...)
		blocks, rowsOfBlock := RowBlocks(rows)
		partials := unset(blocks * 2 * width)
		launch(t, "norm_parameter_partials_float", s.stripGrid(width, blocks), partials, g.dy, g.sum, g.stats, rows, width, rowsOfBlock,
			int(kind), float32(1e-6))
		sum(partials, blocks)
		return
	}
	blocks, rowsOfBlock := NormBlocks(rows)
	if rows > 32 && width > 1024 { // one block, whose warps come to more than 32 rows
		blocks, rowsOfBlock = 1, rows
	}
	partials := unset(blocks * 2 * width)
	shape = slices.Insert(shape, 2, any(rowsOfBlock))
	x := slices.Clone(g.dx)
	launch(t, "norm_gradient_bf16", grid{blocks},
		slices.Concat([]any{g.dx, g.dresidual, partials, g.dy, g.sum, g.stats, number, g.gamma}, shape, dropout, []any{true, false})...)
	sum(partials, blocks)
	launch(t, "norm_gradient_bf16", grid{blocks},
		slices.Concat([]any{x, nil, nil, g.dy, g.sum, g.stats, number, g.gamma}, shape, dropout, []any{true, false})...)
	compareAll(t, "dx alone", x, doubles(g.dx), 0)
}
