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
#include "warp.h"

// row_largest and row_sum are over the 16 threads that have a row of scores.
DEVFN float row_largest(float x) {
	for (int d = 8; d > 0; d >>= 1) x = larger(x, __shfl_xor_sync(0xffffffffu, x, d));
	return x;
}
DEVFN float row_sum(float x) {
	for (int d = 8; d > 0; d >>= 1) x += __shfl_xor_sync(0xffffffffu, x, d);
	return x;
}

// Softmax is that of two rows, as far as they have been seen.
struct Softmax {
	float largest[2], sum[2];
};

// weigh turns the scores of a tile into exponentials, times what dropout makes of a one, and brings what was summed
// before to the same largest score.
DEVFN void weigh(
	Scores &s, Softmax &m, Result &o, const Heads &h, const Part &p, int first, int from, const uint64_t (&random)[2]) {
#pragma unroll
	for (int r = 0; r < 2; r++) {
		int query = first + 2 * down() + r,
			seen = visible(p, query); // every query sees key 0, so the largest score is finite
		for (int c = 0; c < 2; c++) {
			int key = from + across() + 16 * c;
			s.at[r][c] = key < seen ? score(h, p, query, key, s.at[r][c]) : -INFINITY;
		}
		float before = m.largest[r];
		m.largest[r] = larger(before, row_largest(larger(s.at[r][0], s.at[r][1])));
		float sum = 0, correction = exp32(before - m.largest[r]);
		for (int c = 0; c < 2; c++) {
			float e = exp32(s.at[r][c] - m.largest[r]);
			sum += e;
			s.at[r][c] = dropout_keeps(h.dropout, random[r], from + across() + 16 * c) ? e * h.dropout.scale : 0;
		}
		m.sum[r] = fmaf(m.sum[r], correction, row_sum(sum));
		for (int j = 0; j < 4; j++) o.row[r].at[j] *= correction;
	}
}

template <class T> DEVFN void attention(T *out, float *lse, const T *q, const T *k, const T *v, const Heads &h,
	float *tile_q, float *tile_k, float *tile_v, float *scores) {
	int chunks = chunks_of(h), own = blockIdx.x % chunks, first = blockIdx.x / chunks * TILE;
	Part p = part_of(h, blockIdx.y, blockIdx.z);
	if (first >= p.queries) return;
	int last = smaller(first + TILE, p.queries), keys = visible(p, last - 1);
	uint64_t random[2];
	for (int r = 0; r < 2; r++) random[r] = row_key(h, p, first + 2 * down() + r);
	Softmax m = {{-INFINITY, -INFINITY}, {0, 0}};
	Result o;
	clear(o);
	for (int from = 0; from < keys; from += TILE) {
		Scores s;
		clear(s);
		for (int i = 1; i <= chunks; i++) {
			int chunk = (own + i) % chunks;
			if (from == 0 || chunks > 1)
				load_chunk(tile_q, first_row(q, h, p, p.query + first), h, p.queries - first, chunk);
			load_chunk(tile_k, first_row(k, h, p, p.key + from), h, p.keys - from, chunk);
			if (i == chunks) load_chunk(tile_v, first_row(v, h, p, p.key + from), h, p.keys - from, own);
			__syncthreads();
			multiply(s, tile_q, tile_k);
			if (i < chunks) __syncthreads();
		}
		weigh(s, m, o, h, p, first, from, random);
		share(scores, s);
		__syncwarp();
		combine(o, scores, tile_v);
		__syncthreads();
	}
	for (int r = 0; r < 2; r++) {
		int query = first + 2 * down() + r;
		float inverse = 1.0f / m.sum[r];
		for (int j = 0; j < 4; j++) o.row[r].at[j] *= inverse;
		if (own == 0 && across() == 0 && query < p.queries)
			lse[(size_t)(p.query + query) * h.heads + p.head] = m.largest[r] + log32(m.sum[r]);
	}
	save(first_row(out, h, p, p.query + first), o, h, p.queries - first, own, 1, 0);
}

// out and lse, the logarithm of Σ_j exp(score(i, j)). Grid: (⌈L/32⌉·⌈size/64⌉, heads, sequences).
KERNEL_OF(THREADS, attention_float, float *out, float *lse, const float *q, const float *k, const float *v, HEADS) {
	SHARED_FLOATS(tile_q[TILE * CHUNK], tile_k[TILE * CHUNK], tile_v[TILE * CHUNK], scores[TILE * LINE]);
	Heads h = HEADS_OF;
	attention(out, lse, q, k, v, h, tile_q, tile_k, tile_v, scores);
}

// delta = dout·out of each query and head: a warp each. count is queries·heads. Grid: ⌈count/8⌉.
KERNEL_OF(THREADS, attention_delta_float, float *delta, const float *dout, const float *out, int count, int size) {
	int at = blockIdx.x * (THREADS / 32) + (threadIdx.x >> 5), lane = threadIdx.x & 31;
	if (at >= count) return;
	float sum = 0;
	for (int i = lane * 4; i < size; i += 128) {
		Four a = read4(dout + (size_t)at * size + i, size - i), b = read4(out + (size_t)at * size + i, size - i);
		for (int j = 0; j < 4; j++) sum = fmaf(a.at[j], b.at[j], sum);
	}
	sum = warp_sum(sum);
	if (lane == 0) delta[at] = sum;
}

template <class T> DEVFN void attention_queries(T *dq, const T *dout, const float *lse, const float *delta, const T *q,
	const T *k, const T *v, const Heads &h, const QueryTile &t, int accumulate) {
	int chunks = chunks_of(h), own = blockIdx.x % chunks, first = blockIdx.x / chunks * TILE;
	Part p = part_of(h, blockIdx.y, blockIdx.z);
	if (first >= p.queries) return;
	int keys = visible(p, smaller(first + TILE, p.queries) - 1);
	Result sum;
	clear(sum);
	for (int from = 0; from < keys; from += TILE) {
		score_gradients(t, q, k, v, dout, lse, delta, h, p, first, from, own, from > 0);
		__syncwarp();
		combine(sum, t.scores, t.k);
		__syncthreads();
	}
	save(first_row(dq, h, p, p.query + first), sum, h, p.queries - first, own, h.scale, accumulate);
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

// KeyTile is what the gradients of some keys need.
struct KeyTile {
	float *k, *v, *q, *dout; // chunks in shared memory
	float *p, *ds;           // [32, LINE] in shared memory
};

// key_scores turns the products of keys with queries and with their gradients into probabilities after dropout and
// gradients of the scores, without the factor scale.
DEVFN void key_scores(
	Scores &s, Scores &dp, const float *lse, const float *delta, const Heads &h, const Part &p, int first, int from) {
	for (int c = 0; c < 2; c++) {
		int query = from + across() + 16 * c, seen = query < p.queries ? visible(p, query) : 0;
		size_t at = (size_t)(p.query + smaller(query, p.queries - 1)) * h.heads + p.head;
		uint64_t random = row_key(h, p, query);
		for (int r = 0; r < 2; r++) {
			int key = first + 2 * down() + r;
			float e = exp32(key < seen ? score(h, p, query, key, s.at[r][c]) - lse[at] : -INFINITY);
			float keep = dropout_keeps(h.dropout, random, key) ? h.dropout.scale : 0;
			s.at[r][c] = e * keep;
			dp.at[r][c] = e * fmaf(keep, dp.at[r][c], -delta[at]);
		}
	}
}

template <class T> DEVFN void attention_keys(T *dk, T *dv, const T *dout, const float *lse, const float *delta,
	const T *q, const T *k, const T *v, const Heads &h, const KeyTile &t, int accumulate_k, int accumulate_v) {
	int chunks = chunks_of(h), own = blockIdx.x % chunks, first = blockIdx.x / chunks * TILE;
	Part p = part_of(h, blockIdx.y, blockIdx.z);
	if (first >= p.keys) return;
	int begin = first < p.always ? 0 : first;      // earlier queries see none of these keys
	int queries = first < p.limit ? p.queries : 0; // no query does
	Result sum_k, sum_v;
	clear(sum_k), clear(sum_v);
	for (int from = begin; from < queries; from += TILE) {
		Scores s, dp;
		clear(s), clear(dp);
		for (int i = 1; i <= chunks; i++) {
			int chunk = (own + i) % chunks;
			if (from == begin || chunks > 1) {
				load_chunk(t.k, first_row(k, h, p, p.key + first), h, p.keys - first, chunk);
				load_chunk(t.v, first_row(v, h, p, p.key + first), h, p.keys - first, chunk);
			}
			load_chunk(t.q, first_row(q, h, p, p.query + from), h, p.queries - from, chunk);
			load_chunk(t.dout, first_row(dout, h, p, p.query + from), h, p.queries - from, chunk);
			__syncthreads();
			multiply(s, t.k, t.q);
			multiply(dp, t.v, t.dout);
			if (i < chunks) __syncthreads();
		}
		key_scores(s, dp, lse, delta, h, p, first, from);
		share(t.p, s), share(t.ds, dp);
		__syncwarp();
		combine(sum_v, t.p, t.dout);
		combine(sum_k, t.ds, t.q);
		__syncthreads();
	}
	if (dk) save(first_row(dk, h, p, p.key + first), sum_k, h, p.keys - first, own, h.scale, accumulate_k);
	if (dv) save(first_row(dv, h, p, p.key + first), sum_v, h, p.keys - first, own, 1, accumulate_v);
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
