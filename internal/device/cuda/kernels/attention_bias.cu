// The gradient of the position bias of attention; the terms are those of attention_float.cu.
#include "attention.h"

// The first stage of dbias[head, o] = Σ ds(i, j) over all queries and keys with j-i+max_length-1 = o. partials
// [groups·tiles, heads, 2 max_length - 1] with tiles = ⌈max_length/32⌉ and groups = min(sequences, 16); column_sums
// over groups·tiles rows is the second stage. Grid: (tiles, heads, groups).
KERNEL_OF(THREADS, attention_bias_float, float *partials, const float *dout, const float *lse, const float *delta,
	const float *q, const float *k, const float *v, HEADS, int sequences) {
	SHARED_FLOATS(
		tile_q[TILE * CHUNK], tile_dout[TILE * CHUNK], tile_k[TILE * CHUNK], tile_v[TILE * CHUNK], scores[TILE * LINE]);
	Heads h = HEADS_OF;
	QueryTile t = {tile_q, tile_dout, tile_k, tile_v, scores};
	attention_bias(partials, dout, lse, delta, q, k, v, h, t, sequences);
}
