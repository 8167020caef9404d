package kernel

import "github.com/klauspost/cpuid/v2"

// productSizes are how much of its factors a product packs at a time. They follow from the sizes of the caches, and decide
// how fast a product is, not what it gives.
type productSizes struct {
	lines int // rows of A or columns of B that a tile packs for itself
	chunk int // elements of the other factor that are packed for all tiles
}

// machineSizes are the sizes for the machine that this program runs on.
func machineSizes() productSizes {
	return sizesFor(cpuid.CPU.Cache.L2/max(1, cpuid.CPU.ThreadsPerCore), cpuid.CPU.Cache.L3)
}

// sizesFor gives the sizes for so many bytes of second-level cache to a thread, and of third-level cache to all. A size that
// is unknown, or a level that is not there, is 0 or negative; a size that most machines have takes its place.
func sizesFor(second, third int) productSizes {
	const (
		panel    = 4 * 32 * maxDepth // bytes of a panel of the shared factor, at its widest
		maxLines = 96                // more are no faster, and leave fewer tiles to divide among threads
		maxChunk = 4 << 20           // bytes, likewise
	)
	if second <= 0 {
		second = 512 << 10
	}
	if third <= 0 {
		third = 16 << 20
	}
	// Three quarters of the second level hold a tile's lines and a panel that they meet, the rest what streams through it.
	// Of the third level others need their part: the result, and what lies behind either factor.
	lines := (second/4*3 - panel) / (4 * maxDepth)
	return productSizes{lines: min(max(32, lines), maxLines), chunk: min(third/4, maxChunk) / 4}
}
