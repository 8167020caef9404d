package kernel

import "uer/internal/kernel/routine"

// NormKind is the formula of a normalisation.
type NormKind = routine.NormKind

// The formulas.
const (
	NormUER      = routine.NormUER
	NormRMS      = routine.NormRMS
	NormStandard = routine.NormStandard
)

// Norm normalises the rows of a matrix: sum = dropout(x) + residual, y = norm(sum).
type Norm struct {
	Kind     NormKind
	Epsilon  float64
	Width    int
	Gamma    []float32 // [width]
	Beta     []float32 // [width]; nil for none
	X        Array     // [rows, width]
	Residual Array     // [rows, width]; left out for none
	Rows     []int32   // [rows], row numbers for the dropout; not read if nothing is dropped
	Dropout  Dropout
	Y        Array     // [rows, width]
	Sum      Array     // [rows, width], may be X or Residual; left out without residual and dropout, when it is X
	Stats    []float32 // [rows, 2], for the gradient
}

// NormForward computes Y, Stats and, unless it is left out, Sum.
func (c *CPU) NormForward(n *Norm) {
	count := checkNorm(n.Width, n.Gamma, "X", n.X)
	requireOptional("Beta", Floats(n.Beta), n.Width)
	requireLength("Y", n.Y.Len(), n.X.Len())
	requireLength("Stats", len(n.Stats), 2*count)
	requireOptional("Residual", n.Residual, n.X.Len())
	requireOptional("Sum", n.Sum, n.X.Len())
	if !n.Sum.Present() && (n.Residual.Present() || n.Dropout.Probability > 0) {
		panic("kernel: a norm of a residual or dropout needs a Sum")
	}
	rows := dropoutRows(n.Rows, count, n.Dropout)
	c.overStaged(count, n.Width, func(s *stage, first, last int) {
		i, j := first*n.Width, last*n.Width
		y, sum := n.Y.Slice(i, j), n.Sum.Slice(i, j)
		t := routine.NormForward{
			Kind: n.Kind, Epsilon: n.Epsilon, Width: n.Width, Gamma: n.Gamma, Beta: n.Beta,
			X: s.read(n.X.Slice(i, j)), Residual: s.read(n.Residual.Slice(i, j)), Rows: cut(rows, first, last), Dropout: n.Dropout,
			Y: s.place(y), Sum: s.place(sum), Stats: n.Stats[2*first : 2*last],
			Round: sum.Halves != nil, // what is restored from Sum has the same bits
		}
		s.table.NormForward(t)
		s.store(y, t.Y)
		s.store(sum, t.Sum)
	})
}

// NormGradient is the gradients of a Norm, given that of its result.
type NormGradient struct {
	Kind                         NormKind
	Epsilon                      float64
	Width                        int
	Gamma                        []float32 // [width]
	DY                           Array     // [rows, width]
	Sum                          Array     // [rows, width] of the Norm, its X if it had none
	Stats                        []float32 // [rows, 2] of the Norm
	Rows                         []int32   // [rows]; not read if nothing is dropped
	Dropout                      Dropout
	DX, DResidual, DGamma, DBeta Output    // as the operands of the Norm; DX or DResidual may be DY
	Scratch                      []float32 // NormGradientScratch elements
}

// NormBackward computes the outputs of a NormGradient.
func (c *CPU) NormBackward(g *NormGradient) {
	count := checkNorm(g.Width, g.Gamma, "Sum", g.Sum)
	requireLength("DY", g.DY.Len(), g.Sum.Len())
	requireLength("Stats", len(g.Stats), 2*count)
	requireOptional("DX", g.DX.To, g.Sum.Len())
	requireOptional("DResidual", g.DResidual.To, g.Sum.Len())
	requireOptional("DGamma", g.DGamma.To, g.Width)
	requireOptional("DBeta", g.DBeta.To, g.Width)
	requireScratch(g.Scratch, NormGradientScratch(count, g.Width))
	rows := dropoutRows(g.Rows, count, g.Dropout)
	blocks, step := rowBlocks(count)
	partials := g.Scratch[:blocks*2*g.Width] // [blocks, 2, width]
	c.parallelWorker(blocks, func(worker, block int) {
		first, last := block*step, min((block+1)*step, count)
		sums := partials[block*2*g.Width : (block+1)*2*g.Width]
		for row := first; row < last; row += rowTile(g.Width) {
			g.rows(c.stage(worker), rows, row, min(row+rowTile(g.Width), last), sums, row > first)
		}
	})
	c.sumBlocks(g.DGamma, partials, 2*g.Width)
	c.sumBlocks(g.DBeta, from(partials, g.Width), 2*g.Width)
}

// rows computes the gradients of the rows first to last-1, and the part of the parameters' in sums [2, width].
func (g *NormGradient) rows(s *stage, rows []int32, first, last int, sums []float32, accumulate bool) {
	i, j := first*g.Width, last*g.Width
	dx, dresidual := g.DX.Slice(i, j), g.DResidual.Slice(i, j)
	t := routine.NormBackward{
		Kind: g.Kind, Epsilon: g.Epsilon, Width: g.Width, Gamma: g.Gamma,
		DY: s.read(g.DY.Slice(i, j)), Sum: s.read(g.Sum.Slice(i, j)), Stats: g.Stats[2*first : 2*last],
		Rows: cut(rows, first, last), Dropout: g.Dropout,
		DX: s.output(dx), DResidual: s.output(dresidual), DParameters: sums, Accumulate: accumulate,
	}
	s.table.NormBackward(t)
	s.finish(dx, t.DX)
	s.finish(dresidual, t.DResidual)
}

// NormGradientScratch is the length of the scratch memory of a NormGradient. That for many rows is enough for fewer.
func NormGradientScratch(rows, width int) int { return maxRowBlocks(rows) * 2 * width }

// checkNorm returns the number of rows of x.
func checkNorm(width int, gamma []float32, operand string, x Array) int {
	requireLength("Gamma", len(gamma), width)
	return rowCount(operand, x.Len(), width)
}
