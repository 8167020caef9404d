package kernels

// Group is what a thread has of activations of a type side by side: the elements of 16 bytes.
func (t Type) Group() int {
	if t == BFloat16 {
		return 8
	}
	return 4
}

// FlatBlocks is the grid for n elements of a flat buffer: ⌈n/1024⌉, or ⌈n/2048⌉ in bfloat16.
func FlatBlocks(t Type, n int) int { return ceilDivide(n, 256*t.Group()) }

// CellBlocks is the grid for a matrix whose rows are cut into groups: ⌈rows·⌈width/4⌉/256⌉, or ⌈rows·⌈width/8⌉/256⌉ in
// bfloat16.
func CellBlocks(t Type, rows, width int) int {
	return ceilDivide(rows*ceilDivide(width, t.Group()), 256)
}

// WarpBlocks is the grid for rows that have a warp each, ⌈rows/8⌉.
func WarpBlocks(rows int) int { return ceilDivide(rows, 8) }

// StripBlocks is the first dimension of the grid of the first stage of a sum over rows: ⌈width/128⌉, or ⌈width/256⌉ in
// bfloat16.
func StripBlocks(t Type, width int) int { return ceilDivide(width, 32*t.Group()) }

// RowBlocks cuts rows into the blocks that the first stage of a sum over rows takes them in. Its partial sums are
// [blocks, width]; without rows there are none, and the second stage alone writes zeros.
func RowBlocks(rows int) (blocks, rowsOfBlock int) {
	const most, least = 128, 32
	rowsOfBlock = max(least, ceilDivide(rows, most))
	return ceilDivide(rows, rowsOfBlock), rowsOfBlock
}

// MostRowBlocks is what RowBlocks cuts so many rows, or fewer, into at most.
func MostRowBlocks(rows int) int { return min(128, ceilDivide(rows, 32)) }

// NormBlocks cuts rows into the blocks that norm_gradient_bf16 takes them in. Its partial sums are [blocks, 2, width].
func NormBlocks(rows int) (blocks, rowsOfBlock int) {
	const most, least = 256, 16
	rowsOfBlock = max(least, ceilDivide(rows, most))
	return ceilDivide(rows, rowsOfBlock), rowsOfBlock
}

// MostNormBlocks is what NormBlocks cuts so many rows, or fewer, into at most.
func MostNormBlocks(rows int) int { return min(256, ceilDivide(rows, 16)) }

// ElementBlocks cuts the elements of a flat buffer into the blocks that the first stage of a sum takes them in.
func ElementBlocks(n int) (blocks, elementsOfBlock int) {
	const most, least = 1024, 4096
	elementsOfBlock = (max(least, ceilDivide(n, most)) + 3) &^ 3 // a multiple of what a thread reads
	return ceilDivide(n, elementsOfBlock), elementsOfBlock
}

// BiasBlocks are the first and the last dimension of the grid of attention_bias_float. Its partial sums are
// [groups·tiles, heads, 2 maxLength - 1].
func BiasBlocks(maxLength, sequences int) (tiles, groups int) {
	return ceilDivide(maxLength, 32), min(sequences, 16)
}

// shared is the dynamic shared memory of the kernels that have any, in bytes.
var shared = map[string]int{
	"attention_bf16_64": 40 << 10, "attention_bf16_128": 80 << 10,
	"attention_gradient_bf16_64": 82 << 10,
	"attention_keys_bf16_64":     66 << 10, "attention_keys_bf16_128": 65 << 10,
	"attention_queries_bf16_64": 64 << 10, "attention_queries_bf16_128": 64 << 10,
}

// Shared is the dynamic shared memory of a block, in bytes.
func (k Kernel) Shared() int { return shared[k.Name] }

func ceilDivide(n, by int) int { return (n + by - 1) / by }
