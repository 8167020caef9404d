package kernel

// NormKind is the formula of a normalisation.
type NormKind uint8

const (
	// NormUER is layer normalisation as UER-py does it: y = γ (x-μ)/(s+ε) + β with the sample deviation
	// s = √(Σ(x-μ)²/(width-1)) and ε = 1e-6 outside the root.
	NormUER NormKind = iota
	// NormRMS is the T5 form: y = γ x/√(mean(x²)+ε).
	NormRMS
)

const normEpsilon = 1e-6

// Norm normalises the rows of a matrix.
type Norm struct {
	Kind        NormKind
	Width       int
	Gamma, Beta []float32 // [width]; nil Beta: none
}

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
		c.rows.normForward(n, y[i:j], part(sum, i, j), stats[2*first:2*last], x[i:j], part(residual, i, j),
			part(rows, first, last), d)
	})
}

// checkNorm checks the parameters and returns the number of rows of x.
func (c *CPU) checkNorm(n Norm, operand string, x []float32) int {
	requireLength("Gamma", len(n.Gamma), n.Width)
	requireOptional("Beta", n.Beta, n.Width)
	return rowCount(operand, x, n.Width)
}

// normGradient is what a tile of NormBackward writes.
type normGradient struct {
	dx, dresidual []float32 // [n, width], nil if not wanted
	parameters    []float32 // [2, width]: dgamma and dbeta summed over the tile
	accumulate    [2]bool   // dx, dresidual
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
		c.rows.normBackward(n, normGradient{
			dx:         part(dx, i, j),
			dresidual:  part(dresidual, i, j),
			parameters: partials[block*2*n.Width : (block+1)*2*n.Width],
			accumulate: [2]bool{accumulate[0], accumulate[1]},
		}, dy[i:j], sum[i:j], stats[2*first:2*last], part(rows, first, last), d)
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
