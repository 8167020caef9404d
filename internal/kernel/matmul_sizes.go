package kernel

import (
	"github.com/klauspost/cpuid/v2"

	"uer/internal/kernel/routine"
)

// productSizes say how much of its factors a product packs at a time. They depend on the caches and affect the speed of a
// product, not its result.
type productSizes struct {
	own   int // bytes of one factor that a tile packs for itself
	chunk int // elements of the other factor that are packed for all tiles
}

// lines is how many rows of A or columns of B a tile packs for itself at most.
func (s productSizes) lines(m *routine.Matmul) int {
	const atLeast = 32
	return min(max(atLeast, s.own/(4*lineSize(m))), m.Lines)
}

// lineSize is the number of elements of a line in the deepest panel.
func lineSize(m *routine.Matmul) int { return m.MaxDepth / m.Unit * m.UnitSize }

// machineSizes are the sizes for this machine.
func machineSizes() productSizes {
	return sizesFor(cpuid.CPU.Cache.L2/max(1, cpuid.CPU.ThreadsPerCore), cpuid.CPU.Cache.L3)
}

// sizesFor returns the sizes for machines with the given bytes of second-level cache per thread and third-level cache in
// all. A size that is 0 or negative, because it is unknown or there is no such cache, is replaced by a common one.
func sizesFor(second, third int) productSizes {
	const (
		panel    = 4 * 32 * 768 // bytes of the widest panel of the shared factor
		maxChunk = 4 << 20      // bytes; more are no faster
	)
	if second <= 0 {
		second = 512 << 10
	}
	if third <= 0 {
		third = 16 << 20
	}
	// Three quarters of the second level hold a tile's lines and a panel of the other factor, the rest what streams through.
	// The third level must also hold the result, and the rows that the factors are packed from.
	return productSizes{own: max(0, second/4*3-panel), chunk: min(third/4, maxChunk) / 4}
}
