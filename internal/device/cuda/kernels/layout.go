package kernels

// RowBlocks cuts rows into the blocks that the first stage of a sum over rows takes them in. Its partial sums are
// [blocks, width]; without rows there are none, and the second stage alone writes zeros.
func RowBlocks(rows int) (blocks, rowsOfBlock int) {
	const most, least = 128, 32
	rowsOfBlock = max(least, ceilDivide(rows, most))
	return ceilDivide(rows, rowsOfBlock), rowsOfBlock
}

// ElementBlocks cuts the elements of a flat buffer into the blocks that the first stage of a sum takes them in.
func ElementBlocks(n int) (blocks, elementsOfBlock int) {
	const most, least = 1024, 4096
	elementsOfBlock = (max(least, ceilDivide(n, most)) + 3) &^ 3 // a multiple of what a thread reads
	return ceilDivide(n, elementsOfBlock), elementsOfBlock
}

func ceilDivide(n, by int) int { return (n + by - 1) / by }
