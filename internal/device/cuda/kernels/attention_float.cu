// Scaled dot-product attention over ragged sequences, forward and backward, so that the scores of a sequence never
// exist whole (Dao et al., FlashAttention, 2022). Nothing is added atomically: the gradients of keys and of queries
// have a kernel each, which compute the probabilities again.
//
// In comments: q, out and their gradients [queries, heads·size], k, v and theirs [keys, heads·size], lse and delta
// [queries, heads], L the length of the longest sequence of queries and keys. starts, key_starts [sequences+1] (the
// same if keys belong to the tokens of the queries); rows [queries], not read if threshold is 0; prefix, lengths
// [sequences], may be null; bias [heads, 2 max_length - 1], may be null. Query i of a sequence sees the keys below
// min(limit, max(always, i+1)): limit is the number of keys, or lengths if that is less and not 0; always is limit, but
// if causal it is prefix, or 0.
//
//   score(i, j) = (q_i·k_j + bias[head, j-i+max_length-1]) scale
//   out_i       = Σ_j dropout(softmax_j(score(i, j))) v_j
#include "attention.h"

// out and lse, the logarithm of Σ_j exp(score(i, j)). Grid: (⌈L/32⌉·⌈size/64⌉, heads, sequences).
KERNEL_OF(THREADS, attention_float, float *out, float *lse, const float *q, const float *k, const float *v, HEADS) {
	SHARED_FLOATS(tile_q[TILE * CHUNK], tile_k[TILE * CHUNK], tile_v[TILE * CHUNK], scores[TILE * LINE]);
	Heads h = HEADS_OF;
	attention(out, lse, q, k, v, h, tile_q, tile_k, tile_v, scores);
}

// delta = dout·out of each query and head: a warp each. count is queries·heads. Grid: ⌈count/8⌉.
KERNEL_OF(THREADS, attention_delta_float, float *delta, const float *dout, const float *out, int count, int size) {
	attention_delta(delta, dout, out, count, size);
}

// With p the probabilities, m what dropout makes of a one and ds(i, j) = scale p (m dout_i·v_j - delta_i):
// dq_i = Σ_j ds(i, j) k_j, or dq_i += it. Grid: (⌈L/32⌉·⌈size/64⌉, heads, sequences).
KERNEL_OF(THREADS, attention_queries_float, float *dq, const float *dout, const float *lse, const float *delta,
	const float *q, const float *k, const float *v, HEADS, int accumulate) {
	SHARED_FLOATS(
		tile_q[TILE * CHUNK], tile_dout[TILE * CHUNK], tile_k[TILE * CHUNK], tile_v[TILE * CHUNK], scores[TILE * LINE]);
	Heads h = HEADS_OF;
	QueryTile t = {tile_q, tile_dout, tile_k, tile_v, scores};
	attention_queries(dq, dout, lse, delta, q, k, v, h, t, accumulate);
}

// dk_j = Σ_i ds(i, j) q_i and dv_j = Σ_i m p(i, j) dout_i, in the terms of attention_queries_float, or += them. Either
// may be null. Grid: (⌈L/32⌉·⌈size/64⌉, heads, sequences).
KERNEL_OF(THREADS, attention_keys_float, float *dk, float *dv, const float *dout, const float *lse, const float *delta,
	const float *q, const float *k, const float *v, HEADS, int accumulate_k, int accumulate_v) {
	SHARED_FLOATS(tile_k[TILE * CHUNK], tile_v[TILE * CHUNK], tile_q[TILE * CHUNK], tile_dout[TILE * CHUNK],
		p[TILE * LINE], ds[TILE * LINE]);
	Heads h = HEADS_OF;
	KeyTile t = {tile_k, tile_v, tile_q, tile_dout, p, ds};
	attention_keys(dk, dv, dout, lse, delta, q, k, v, h, t, accumulate_k, accumulate_v);
}
