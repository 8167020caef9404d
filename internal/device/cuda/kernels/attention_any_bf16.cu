// Attention with activations in bf16 for heads of any size, computed in float32: the kernels of attention_float.cu and
// attention_bias.cu. Tensor cores have those of the sizes that are usual.
#include "attention.h"

#define ROOMY THREADS, 2 // blocks that a multiprocessor has registers for: for more of them, values would spill

// out and lse, the logarithm of Σ_j exp(score(i, j)). Grid: (⌈L/32⌉·⌈size/64⌉, heads, sequences).
KERNEL_OF(ROOMY, attention_bf16, bf16 *out, float *lse, const bf16 *q, const bf16 *k, const bf16 *v, STRIDED_HEADS) {
	SHARED_FLOATS(tile_q[TILE * CHUNK], tile_k[TILE * CHUNK], tile_v[TILE * CHUNK], scores[TILE * LINE]);
	Heads h = STRIDED_HEADS_OF;
	attention(out, lse, q, k, v, h, tile_q, tile_k, tile_v, scores);
}

// delta = dout·out of each query and head: a warp each. count is queries·heads. Grid: ⌈count/8⌉.
KERNEL_OF(THREADS, attention_delta_bf16, float *delta, const bf16 *dout, const bf16 *out, int count, int size) {
	attention_delta(delta, dout, out, count, size);
}

// With p the probabilities, m what dropout makes of a one and ds(i, j) = scale p (m dout_i·v_j - delta_i):
// dq_i = Σ_j ds(i, j) k_j, or dq_i += it. Grid: (⌈L/32⌉·⌈size/64⌉, heads, sequences).
KERNEL_OF(THREADS, attention_queries_bf16, bf16 *dq, const bf16 *dout, const float *lse, const float *delta,
	const bf16 *q, const bf16 *k, const bf16 *v, STRIDED_HEADS, int accumulate) {
	SHARED_FLOATS(
		tile_q[TILE * CHUNK], tile_dout[TILE * CHUNK], tile_k[TILE * CHUNK], tile_v[TILE * CHUNK], scores[TILE * LINE]);
	Heads h = STRIDED_HEADS_OF;
	QueryTile t = {tile_q, tile_dout, tile_k, tile_v, scores};
	attention_queries(dq, dout, lse, delta, q, k, v, h, t, accumulate);
}

// dk_j = Σ_i ds(i, j) q_i and dv_j = Σ_i m p(i, j) dout_i, in the terms of attention_queries_bf16, or += them. Either
// may be null. Grid: (⌈L/32⌉·⌈size/64⌉, heads, sequences).
KERNEL_OF(THREADS, attention_keys_bf16, bf16 *dk, bf16 *dv, const bf16 *dout, const float *lse, const float *delta,
	const bf16 *q, const bf16 *k, const bf16 *v, STRIDED_HEADS, int accumulate_k, int accumulate_v) {
	SHARED_FLOATS(tile_k[TILE * CHUNK], tile_v[TILE * CHUNK], tile_q[TILE * CHUNK], tile_dout[TILE * CHUNK],
		p[TILE * LINE], ds[TILE * LINE]);
	Heads h = STRIDED_HEADS_OF;
	KeyTile t = {tile_k, tile_v, tile_q, tile_dout, p, ds};
	attention_keys(dk, dv, dout, lse, delta, q, k, v, h, t, accumulate_k, accumulate_v);
}

// The first stage of dbias[head, o] = Σ ds(i, j) over all queries and keys with j-i+max_length-1 = o. partials
// [groups·tiles, heads, 2 max_length - 1] with tiles = ⌈max_length/32⌉ and groups = min(sequences, 16); column_sums
// over groups·tiles rows is the second stage. Grid: (tiles, heads, groups).
KERNEL_OF(THREADS, attention_bias_bf16, float *partials, const bf16 *dout, const float *lse, const float *delta,
	const bf16 *q, const bf16 *k, const bf16 *v, STRIDED_HEADS, int sequences) {
	SHARED_FLOATS(
		tile_q[TILE * CHUNK], tile_dout[TILE * CHUNK], tile_k[TILE * CHUNK], tile_v[TILE * CHUNK], scores[TILE * LINE]);
	Heads h = STRIDED_HEADS_OF;
	QueryTile t = {tile_q, tile_dout, tile_k, tile_v, scores};
	attention_bias(partials, dout, lse, delta, q, k, v, h, t, sequences);
}
