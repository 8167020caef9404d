package kernel

import "uer/internal/kernel/routine"

// NormKind is the formula of a normalisation.
type NormKind = routine.NormKind

// The formulas.
const (
	NormUER = routine.NormUER
	NormRMS = routine.NormRMS
)

// Norm normalises the rows of a matrix.
type Norm = routine.Norm

// NormForward writes sum = dropout(x) + residual and y = norm(sum). x, residual, sum, y are [n, width], rows [n]
// numbers the rows for dropout. With a nil sum (then no residual and no dropout) y = norm(x). residual may be nil;
// sum may be x or residual. stats [n, 2] receives what NormBackward needs: the mean of a row (0 for NormRMS) and its
// deviation s, or its root.
func (c *CPU) NormForward(n Norm, y, sum, stats, x, residual []float32, rows []int32, d Dropout) {
	count := c.checkNorm(n, "x", x)
	requireLength("y", len(y), len(x))
	requireLength("stats", len(stats), 2*count)
	requireOptional("residual", residual, len(x))
	requireOptional("sum", sum, len(x))
	if sum == nil && (residual != nil || d.Probability > 0) {
		panic("kernel: NormForward needs a sum for its residual or dropout")
	}
	rows = dropoutRows(rows, count, d)
	c.overRows(count, n.Width, func(first, last int) {
		i, j := first*n.Width, last*n.Width
		c.table.NormForward(routine.NormForward{
			Norm: n, Y: y[i:j], Sum: part(sum, i, j), Stats: stats[2*first : 2*last], X: x[i:j], Residual: part(residual, i, j),
			Rows: part(rows, first, last), Dropout: d,
		})
	})
}

// checkNorm checks the parameters and returns the number of rows of x.
func (c *CPU) checkNorm(n Norm, operand string, x []float32) int {
	requireLength("Gamma", len(n.Gamma), n.Width)
	requireOptional("Beta", n.Beta, n.Width)
	return rowCount(operand, x, n.Width)
}

// NormBackward writes the gradients of NormForward given dy and its sum (x where there was no sum) and stats:
// dresidual, dx = dropout(dresidual), dgamma and dbeta. Each may be nil, and is added to if its flag in accumulate is
// set. dx or dresidual may be dy. scratch has NormBackwardScratch elements.
func (c *CPU) NormBackward(n Norm, dx, dresidual, dgamma, dbeta, dy, sum, stats []float32, rows []int32, d Dropout,
	scratch []float32, accumulate [4]bool) {
	count := c.checkNorm(n, "sum", sum)
	requireLength("dy", len(dy), len(sum))
	requireLength("stats", len(stats), 2*count)
	requireOptional("dx", dx, len(sum))
	requireOptional("dresidual", dresidual, len(sum))
	rows = dropoutRows(rows, count, d)
	requireScratch(scratch, NormBackwardScratch(count, n.Width))
	blocks, step := rowBlocks(count)
	partials := scratch[:blocks*2*n.Width] // [blocks, 2, width]
	c.parallel(blocks, func(block int) {
		first, last := block*step, min((block+1)*step, count)
		i, j := first*n.Width, last*n.Width
		c.table.NormBackward(routine.NormBackward{
			Norm:        n,
			DX:          routine.Output{To: part(dx, i, j), Accumulate: accumulate[0]},
			DResidual:   routine.Output{To: part(dresidual, i, j), Accumulate: accumulate[1]},
			DParameters: partials[block*2*n.Width : (block+1)*2*n.Width],
			DY:          dy[i:j], Sum: sum[i:j], Stats: stats[2*first : 2*last],
			Rows: part(rows, first, last), Dropout: d,
		})
	})
	if dgamma != nil {
		c.sumBlocks(dgamma, partials, 2*n.Width, accumulate[2])
	}
	if dbeta != nil {
		c.sumBlocks(dbeta, partials[min(n.Width, len(partials)):], 2*n.Width, accumulate[3])
	}
}

// NormBackwardScratch is the length of the scratch of NormBackward; that for many rows is enough for fewer.
func NormBackwardScratch(rows, width int) int { return mostBlocks(rows) * 2 * width }
