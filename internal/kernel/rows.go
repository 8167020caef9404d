package kernel

import (
	"fmt"

	"uer/internal/kernel/routine"
)

// tileElements is the size of a tile: large enough to hide the cost of handing it out, small enough for its operands to
// stay in the second-level cache.
const tileElements = 1 << 14

// rowTile is the number of rows of a tile. It depends on the width alone, so results do not depend on the threads.
func rowTile(width int) int { return max(1, tileElements/max(1, width)) }

// overRows calls body for ranges of rows of a matrix [rows, width].
func (c *CPU) overRows(rows, width int, body func(first, last int)) {
	step := rowTile(width)
	c.parallel(routine.CeilDivide(rows, step), func(tile int) {
		first := tile * step
		body(first, min(first+step, rows))
	})
}

// overElements calls body for ranges of n elements.
func (c *CPU) overElements(n int, body func(first, last int)) { c.overRows(n, 1, body) }

// cut is x[first:last], or nil for an operand that is left out.
func cut[T any](x []T, first, last int) []T {
	if x == nil {
		return nil
	}
	return x[first:last]
}

// requireLength panics if an operand does not have the length that the others imply. Routines do not check.
func requireLength(operand string, length, want int) {
	if length != want {
		panic(fmt.Sprintf("kernel: %s has length %d, not %d", operand, length, want))
	}
}

// requireLike panics unless an operand has the length of another one, and is stored the same way.
func requireLike(operand string, x, other Array) {
	requireLength(operand, x.Len(), other.Len())
	requireStored(operand, x, other)
}

// requireStored panics unless an operand is stored the same way as another one.
func requireStored(operand string, x, other Array) {
	if (x.Halves == nil) != (other.Halves == nil) && x.Len() > 0 {
		panic(fmt.Sprintf("kernel: %s is not stored as another operand is", operand))
	}
}

// requireOptionalLike is requireLike for an operand that may be left out.
func requireOptionalLike(operand string, x, other Array) {
	if x.Present() {
		requireLike(operand, x, other)
	}
}

// requireOptional is requireLength for an operand that may be left out.
func requireOptional(operand string, x Array, want int) {
	if x.Present() {
		requireLength(operand, x.Len(), want)
	}
}

// requireAtLeast panics if memory is too short.
func requireAtLeast(operand string, length, want int) {
	if length < want {
		panic(fmt.Sprintf("kernel: %s has length %d, less than %d", operand, length, want))
	}
}

// requireScratch is requireAtLeast for scratch memory.
func requireScratch(scratch []float32, want int) { requireAtLeast("scratch", len(scratch), want) }

// rowCount is the number of rows of the given width in a length.
func rowCount(operand string, length, width int) int {
	if width <= 0 || length%width != 0 {
		panic(fmt.Sprintf("kernel: %s has length %d, not a multiple of the width %d", operand, length, width))
	}
	return length / width
}

// requireBelow panics if an index is not in [0, limit).
func requireBelow(operand string, index []int32, limit int) {
	for i, v := range index {
		if uint(v) >= uint(limit) {
			panic(fmt.Sprintf("kernel: %s[%d] is %d, not below %d", operand, i, v, limit))
		}
	}
}
