package kernel

import "github.com/klauspost/cpuid/v2"

// productSizes say how much of its factors a product packs at a time. They depend on the caches and affect the speed of a
// product, not its result.
type productSizes struct {
	lines int // rows of A or columns of B that a tile packs for itself
	chunk int // elements of the other factor that are packed for all tiles
}

// machineSizes are the sizes for this machine.
func machineSizes() productSizes {
	return sizesFor(cpuid.CPU.Cache.L2/max(1, cpuid.CPU.ThreadsPerCore), cpuid.CPU.Cache.L3)
}

// sizesFor returns the sizes for machines with the given bytes of second-level cache per thread and third-level cache in
// all. A size that is 0 or negative, because it is unknown or there is no such cache, is replaced by a common one.
func sizesFor(second, third int) productSizes {
	const (
		panel    = 4 * 32 * maxDepth // bytes of the widest panel of the shared factor
		minTile  = 32                // lines
		maxLines = 96                // more are no faster, and leave fewer tiles to divide among threads
		maxChunk = 4 << 20           // bytes; more are no faster
	)
	if second <= 0 {
		second = 512 << 10
	}
	if third <= 0 {
		third = 16 << 20
	}
	// Three quarters of the second level hold a tile's lines and a panel of the other factor, the rest what streams through.
	// The third level must also hold the result, and the rows that the factors are packed from.
	lines := (second/4*3 - panel) / (4 * maxDepth)
	return productSizes{lines: min(max(minTile, lines), maxLines), chunk: min(third/4, maxChunk) / 4}
}
