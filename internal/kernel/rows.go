package kernel

import "fmt"

// rowRoutines are the single-thread functions behind norms, activations, dropout, embedding, loss and update. Each
// works on one tile: a range of rows, or of elements where rows do not matter.
type rowRoutines struct {
	activationForward  func(a Activation, y, x []float32)
	activationBackward func(a Activation, dx, dy, x []float32)
	gatedForward       func(a Activation, y, gate, x []float32)
	gatedBackward      func(a Activation, dgate, dx, dy, gate, x []float32)

	// y = dropout(x) + residual; no residual if nil. y may be x or residual.
	dropout func(y, x, residual []float32, width int, rows []int32, d Dropout)

	normForward  func(n Norm, y, sum, stats, x, residual []float32, rows []int32, d Dropout)
	normBackward func(n Norm, g normGradient, dy, sum, stats []float32, rows []int32, d Dropout)

	// out[i] = scale*table[ids[i]], added to out if accumulate.
	gather func(out, table []float32, width int, ids []int32, scale float32, accumulate bool)
	// table[ids[i]] += scale*x[i], in order of i, only columns first to last-1.
	scatter func(table []float32, width int, ids []int32, x []float32, scale float32, first, last int)

	// out[j] = Σ x[i*stride+j] over all i, added to out if accumulate.
	columnSum  func(out, x []float32, stride int, accumulate bool)
	add        func(out, a, b []float32)
	scale      func(out, x []float32, scale float32, accumulate bool)
	sumSquares func(x []float32) float64
	allFinite  func(x []float32) bool

	crossEntropy func(t crossEntropyTile)
	adamW        func(a AdamW, parameters, gradients, first, second []float32)

	// The three passes of Adafactor: sums of squares into the rows and columns; the sum of the squared updates; the update.
	factoredSums    func(f factors)
	factoredSquares func(f factors) float64
	factoredUpdate  func(f factors, parameters []float32, rate, decay float32)
}

// tileElements is the size of a tile: large enough to hide the cost of handing it to a worker, small enough for the
// operands of a tile to stay in the second-level cache.
const tileElements = 1 << 14

// rowTile is the number of rows of a tile. It depends on the width alone, so that results do not depend on the number
// of threads.
func rowTile(width int) int { return max(1, tileElements/max(1, width)) }

// overRows calls body for ranges of rows of a matrix [rows, width].
func (c *CPU) overRows(rows, width int, body func(first, last int)) {
	step := rowTile(width)
	c.parallel((rows+step-1)/step, func(tile int) {
		first := tile * step
		body(first, min(first+step, rows))
	})
}

// overElements calls body for ranges of n elements.
func (c *CPU) overElements(n int, body func(first, last int)) { c.overRows(n, 1, body) }

// part is x[first:last], or nil for the nil that stands for an operand left out.
func part[T any](x []T, first, last int) []T {
	if x == nil {
		return nil
	}
	return x[first:last]
}

// requireLength panics if an operand does not have the length that the others imply: native routines do not check.
func requireLength(operand string, length, want int) {
	if length != want {
		panic(fmt.Sprintf("kernel: %s has length %d, not %d", operand, length, want))
	}
}

// requireOptional is requireLength for an operand that may be left out.
func requireOptional(operand string, x []float32, want int) {
	if x != nil {
		requireLength(operand, len(x), want)
	}
}

// requireScratch panics if scratch is too short.
func requireScratch(scratch []float32, want int) {
	if len(scratch) < want {
		panic(fmt.Sprintf("kernel: scratch has length %d, not %d", len(scratch), want))
	}
}

// rowCount is the number of rows of x of the given width.
func rowCount(operand string, x []float32, width int) int {
	if width <= 0 || len(x)%width != 0 {
		panic(fmt.Sprintf("kernel: %s has length %d, no multiple of the width %d", operand, len(x), width))
	}
	return len(x) / width
}

// requireBelow panics if an index is not in [0, limit).
func requireBelow(operand string, index []int32, limit int) {
	for i, v := range index {
		if uint(v) >= uint(limit) {
			panic(fmt.Sprintf("kernel: %s[%d] is %d, not below %d", operand, i, v, limit))
		}
	}
}
