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

// Norm normalises the rows of a matrix: sum = dropout(x) + residual, y = norm(sum). Rows is not read if nothing is
// dropped. Stats is for the gradient.
type Norm = routine.NormForward

// NormForward computes Y, Stats and, unless it is left out, Sum.
func (c *CPU) NormForward(n *Norm) {
	count := checkNorm(n.Width, n.Gamma, "X", n.X)
	requireOptional("Beta", Floats(n.Beta), n.Width)
	requireLike("Y", n.Y, n.X)
	requireLength("Stats", len(n.Stats), 2*count)
	requireOptionalLike("Residual", n.Residual, n.X)
	requireOptionalLike("Sum", n.Sum, n.X)
	if !n.Sum.Present() && (n.Residual.Present() || n.Dropout.Probability > 0) {
		panic("kernel: a norm of a residual or dropout needs a Sum")
	}
	rows := dropoutRows(n.Rows, count, n.Dropout)
	c.overRows(count, n.Width, func(first, last int) {
		i, j := first*n.Width, last*n.Width
		t := *n
		t.X, t.Residual, t.Rows = n.X.Slice(i, j), n.Residual.Slice(i, j), cut(rows, first, last)
		t.Y, t.Sum, t.Stats = n.Y.Slice(i, j), n.Sum.Slice(i, j), n.Stats[2*first:2*last]
		c.table.NormForward(t)
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
	requireLike("DY", g.DY, g.Sum)
	requireLength("Stats", len(g.Stats), 2*count)
	requireOptionalLike("DX", g.DX.To, g.Sum)
	requireOptionalLike("DResidual", g.DResidual.To, g.Sum)
	requireOptional("DGamma", g.DGamma.To, g.Width)
	requireOptional("DBeta", g.DBeta.To, g.Width)
	requireScratch(g.Scratch, NormGradientScratch(count, g.Width))
	rows := dropoutRows(g.Rows, count, g.Dropout)
	blocks, step := rowBlocks(count)
	partials := g.Scratch[:blocks*2*g.Width] // [blocks, 2, width]
	c.parallel(blocks, func(block int) {
		first, last := block*step, min((block+1)*step, count)
		i, j := first*g.Width, last*g.Width
		c.table.NormBackward(routine.NormBackward{
			Kind: g.Kind, Epsilon: g.Epsilon, Width: g.Width, Gamma: g.Gamma,
			DY: g.DY.Slice(i, j), Sum: g.Sum.Slice(i, j), Stats: g.Stats[2*first : 2*last],
			Rows: cut(rows, first, last), Dropout: g.Dropout,
			DX: g.DX.Slice(i, j), DResidual: g.DResidual.Slice(i, j),
			DParameters: partials[block*2*g.Width : (block+1)*2*g.Width],
		})
	})
	c.sumBlocks(g.DGamma, partials, 2*g.Width)
	c.sumBlocks(g.DBeta, from(partials, g.Width), 2*g.Width)
}

// NormGradientScratch is the length of the scratch memory of a NormGradient. That for many rows is enough for fewer.
func NormGradientScratch(rows, width int) int { return maxRowBlocks(rows) * 2 * width }

// checkNorm returns the number of rows of x.
func checkNorm(width int, gamma []float32, operand string, x Array) int {
	requireLength("Gamma", len(gamma), width)
	return rowCount(operand, x.Len(), width)
}
