// The gradient of the position bias of attention; the terms are those of attention_float.cu.
#include "attention.h"

const int BIAS_GROUPS = 16; // of sequences, at most

// A block sums over the 32 queries from 32 blockIdx.x on of one head, in all sequences of its group. Its row of
// partials has no other writer.
template <class T> DEVFN void attention_bias(float *partials, const T *dout, const float *lse, const float *delta,
	const T *q, const T *k, const T *v, const Heads &h, const QueryTile &t, int sequences) {
	int first = blockIdx.x * TILE, head = blockIdx.y, group = blockIdx.z, offsets = 2 * h.max_length - 1,
		tiles = (h.max_length + TILE - 1) / TILE;
	int groups = smaller(sequences, BIAS_GROUPS);
	partials += ((size_t)(group * tiles + blockIdx.x) * h.heads + head) * offsets;
	for (int i = threadIdx.x; i < offsets; i += THREADS) partials[i] = 0;
	for (int sequence = group * sequences / groups; sequence < (group + 1) * sequences / groups; sequence++) {
		Part p = part_of(h, head, sequence);
		if (first >= p.queries) continue;
		int keys = visible(p, smaller(first + TILE, p.queries) - 1);
		for (int from = 0; from < keys; from += TILE) {
			score_gradients(t, q, k, v, dout, lse, delta, h, p, first, from, 0, from > 0);
			__syncthreads();
			int diagonal = (int)threadIdx.x - TILE + 1; // a key's place in the tile less its query's
			int offset = from - first + diagonal + h.max_length - 1;
			if (diagonal < TILE && offset >= 0 && offset < offsets) {
				float sum = 0;
				for (int row = larger(0, -diagonal); row < smaller(TILE, TILE - diagonal); row++)
					sum += t.scores[row * LINE + row + diagonal];
				partials[offset] += sum * h.scale; // another thread's next, but after a barrier
			}
		}
	}
}

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
