package routine

// AttentionHeads is some heads of one sequence, to be computed one after another. Slices begin at the first element of the
// first head in the sequence's first token. The formulas are those of Attention in package kernel.
type AttentionHeads struct {
	Queries, Keys       int // tokens
	Size, Width         int // of a head; elements from one token to the next
	Head, Count         int // the first head, and how many
	Heads               int // of the layer: elements from one token to the next in LSE
	Prefix, VisibleKeys int // query i sees the keys from 0 to min(VisibleKeys, max(Prefix, i+1)) - 1

	Scale  float32
	Bias   []float32 // element j-i+Centre belongs to query i and key j, rows of 2*Centre+1; or nil
	DBias  []float32 // as Bias; is added to, or nil
	Centre int

	Dropout Dropout
	Rows    []int32 // [queries], numbers of the tokens; nil without dropout

	// Only routines on tiles take arrays of bfloat16, all of which are then.
	Q, K, V Array
	Out     Array     // forward writes it
	LSE     []float32 // [queries], Heads apart: the logarithm of the sum of exponentials of the scores; forward writes it

	DOut       Array
	DQ, DK, DV Output

	Scratch []float32 // AttentionScratch elements
}

// Visible is the number of keys that query i sees.
func (t *AttentionHeads) Visible(i int) int { return min(t.VisibleKeys, max(t.Prefix, i+1)) }

// AttentionBlock is the number of queries that routines process at a time.
const AttentionBlock = 32

// AttentionScratch is the number of elements that a call may use, for heads of a size and sequences up to a length: room for
// a block of queries, its scores and the position bias in reverse order, and for backward also the gradients of each,
// beginning on a cache line.
func AttentionScratch(size, maxLength int, backward bool) int {
	need := AttentionBlock*(size+maxLength) + 2*(maxLength+CacheLine)
	if backward {
		need *= 2
	}
	return CacheLine + need
}

// TileAttention is a routine of attention whose products have factors in bfloat16 and, whatever the instruction set, the bits
// that this comment defines.
//
// The products are those of [TileDepth]: sums over a head's elements, over keys and over queries are of units of TileDepth,
// padded with zeros, in ascending order from zero on. Queries are taken in blocks of AttentionBlock. A block multiplies those units
// of keys of which its last query sees any, without the keys that no query sees. Rounded are Q, K, V and DOut; in place of the
// probabilities, their exponentials relative to the largest of the query, after dropout, whose sum divides the product; in the
// gradient the probabilities after dropout, and the gradients of the scores. Everything between is in float32:
//
//	exponential_ij = 2^(s_ij c - max_j(s_ij) c), c = Scale log2(e), rounded once, as are products that are added to something
//	dS_ij          = p_ij Scale (dP_ij - δ_i), δ_i = Σ_c DOut_ic Out_ic
//
// A sum over keys or over c is of 16 sums, number j belonging to j mod 16, which are added up by halves: 0 to 8, ... 7 to 15, then
// 0 to 4 and so on.
type TileAttention = func(AttentionHeads)

// TileAttentionScratch is AttentionScratch for a TileAttention: room for its factors in bfloat16, for the scores of a block with
// what they become, and for the gradients of keys and values.
func TileAttentionScratch(size, maxLength int, backward bool) int {
	const kept = 128 // queries for which routines keep the factors of sums over queries
	size, keys := RoundUp(size, TileDepth), RoundUp(maxLength, TileDepth)
	need := 2*AttentionBlock*(size+keys+CacheLine) + AttentionBlock*keys + keys*size
	if backward {
		need = 3*AttentionBlock*(size+keys+CacheLine) + AttentionBlock*keys + keys*(4*size+2*CacheLine) + kept*(size+keys)
	}
	return CacheLine + need
}
