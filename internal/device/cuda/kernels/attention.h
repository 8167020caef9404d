// Products of the tiles of attention, for heads of any size. A block of 256 threads works on tiles of 32 queries and 32
// keys of one head of one sequence. Heads are taken 64 columns at a time, a chunk: a block makes one chunk of its result,
// for which it goes through all chunks of the factors of the scores.
#pragma once
#include "attention_heads.h"
#include "elements.h"
#include "functions.h"
#include "warp.h"

const int TILE = 32;       // tokens
const int CHUNK = 64;      // columns
const int LINE = TILE + 4; // of a tile of scores, which spreads rows over the banks

DEVFN int chunks_of(const Heads &h) { return (h.size + CHUNK - 1) / CHUNK; }

// Of a tile of scores a thread has rows 2 down and 2 down + 1, and columns across and across + 16; of a chunk of a
// result the same rows, and columns 4 across to 4 across + 3.
DEVFN int down() { return threadIdx.x >> 4; }
DEVFN int across() { return threadIdx.x & 15; }

struct Scores {
	float at[2][2];
};
struct Result {
	Four row[2];
};

// A chunk of a tile lies in shared memory as [32, 64]; four columns from 4 group on are moved, so that the threads of a
// warp find what they read at one time in different banks.
DEVFN int place(int row, int group) { return row * CHUNK + ((group ^ (row & 15)) << 2); }

// load_chunk copies the chunk of some rows of one head, and clears what lies beyond them. x is the first row.
template <class T>
DEVFN void load_chunk(float *tile, const T *x, int stride, const Heads &h, int rows, int chunk) {
	int columns = h.size - chunk * CHUNK;
	for (int i = threadIdx.x; i < TILE * CHUNK / 4; i += THREADS) {
		int row = i / (CHUNK / 4), group = i % (CHUNK / 4);
		Four f = all_four(0);
		if (row < rows && group * 4 < columns)
			f = read4(x + (size_t)row * stride + chunk * CHUNK + group * 4, columns - group * 4);
		store4(tile + place(row, group), f);
	}
}

// multiply adds a bᵀ to s: a, b chunks [32, 64].
DEVFN void multiply(Scores &s, const float *a, const float *b) {
#pragma unroll 2
	for (int g = 0; g < CHUNK / 4; g++) {
		Four x[2], y[2];
		for (int i = 0; i < 2; i++)
			x[i] = load4(a + place(2 * down() + i, g)), y[i] = load4(b + place(across() + 16 * i, g));
		for (int r = 0; r < 2; r++)
			for (int c = 0; c < 2; c++)
				for (int j = 0; j < 4; j++) s.at[r][c] = fmaf(x[r].at[j], y[c].at[j], s.at[r][c]);
	}
}

// share puts scores where the threads of their rows find them, which are in one warp.
DEVFN void share(float *tile, const Scores &s) {
	for (int r = 0; r < 2; r++)
		for (int c = 0; c < 2; c++) tile[(2 * down() + r) * LINE + across() + 16 * c] = s.at[r][c];
}

// combine adds p x to o: p scores [32, 32], x a chunk [32, 64].
DEVFN void combine(Result &o, const float *p, const float *x) {
#pragma unroll 2
	for (int from = 0; from < TILE; from += 4) {
		Four weights[2];
		for (int r = 0; r < 2; r++) weights[r] = load4(p + (2 * down() + r) * LINE + from);
		for (int i = 0; i < 4; i++) {
			Four f = load4(x + place(from + i, across()));
			for (int r = 0; r < 2; r++)
				for (int j = 0; j < 4; j++) o.row[r].at[j] = fmaf(weights[r].at[i], f.at[j], o.row[r].at[j]);
		}
	}
}

DEVFN void clear(Scores &s) {
	for (int r = 0; r < 2; r++) s.at[r][0] = s.at[r][1] = 0;
}
DEVFN void clear(Result &o) {
	for (int r = 0; r < 2; r++) o.row[r] = all_four(0);
}

// save writes the chunk of some rows of one head, times a factor, or adds it. x is the first row.
template <class T>
DEVFN void save(
	T *x, int stride, const Result &o, const Heads &h, int rows, int chunk, float factor, int accumulate) {
	int column = chunk * CHUNK + 4 * across();
	for (int r = 0; r < 2; r++) {
		int row = 2 * down() + r;
		if (row >= rows || column >= h.size) continue;
		Four f = o.row[r];
		for (int j = 0; j < 4; j++) f.at[j] *= factor;
		put4(x + (size_t)row * stride + column, f, h.size - column, accumulate);
	}
}


// QueryTile is what the gradients of some queries need.
struct QueryTile {
	float *q, *dout, *k, *v; // chunks in shared memory
	float *scores;           // [32, LINE] in shared memory
};

// score_gradients shares the gradients, without the factor scale, of the scores of the 32 queries from `first` on with
// the 32 keys from `from` on: p (m dout·v - δ), with p the probability and m what dropout makes of a one. The tiles
// then hold the chunk `last`. `loaded` says that those of the queries do so already.
template <class T> DEVFN void score_gradients(const QueryTile &t, const T *q, const T *k, const T *v, const T *dout,
	const float *lse, const float *delta, const Heads &h, const Part &p, int first, int from, int last, bool loaded) {
	int chunks = chunks_of(h), wide = h.heads * h.size;
	Scores s, dp;
	clear(s), clear(dp);
	for (int i = 1; i <= chunks; i++) {
		int chunk = (last + i) % chunks;
		if (!loaded || chunks > 1) {
			load_chunk(t.q, head_of(q, h, p, h.stride, p.query + first), h.stride, h, p.queries - first, chunk);
			load_chunk(t.dout, head_of(dout, h, p, wide, p.query + first), wide, h, p.queries - first, chunk);
		}
		load_chunk(t.k, head_of(k, h, p, h.key_stride, p.key + from), h.key_stride, h, p.keys - from, chunk);
		load_chunk(t.v, head_of(v, h, p, h.key_stride, p.key + from), h.key_stride, h, p.keys - from, chunk);
		__syncthreads();
		multiply(s, t.q, t.k);
		multiply(dp, t.dout, t.v);
		if (i < chunks) __syncthreads();
	}
	for (int r = 0; r < 2; r++) {
		int query = first + 2 * down() + r, seen = query < p.queries ? visible(p, query) : 0;
		size_t at = (size_t)(p.query + smaller(query, p.queries - 1)) * h.heads + p.head;
		uint64_t random = row_key(h, p, query);
		for (int c = 0; c < 2; c++) {
			int key = from + across() + 16 * c;
			float e = exp32(key < seen ? score(h, p, query, key, s.at[r][c]) - lse[at] : -INFINITY);
			float keep = dropout_keeps(h.dropout, random, key) ? h.dropout.scale : 0;
			s.at[r][c] = e * fmaf(keep, dp.at[r][c], -delta[at]);
		}
	}
	share(t.scores, s);
}

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
				load_chunk(tile_q, head_of(q, h, p, h.stride, p.query + first), h.stride, h, p.queries - first, chunk);
			load_chunk(tile_k, head_of(k, h, p, h.key_stride, p.key + from), h.key_stride, h, p.keys - from, chunk);
			if (i == chunks)
				load_chunk(tile_v, head_of(v, h, p, h.key_stride, p.key + from), h.key_stride, h, p.keys - from, own);
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
	int wide = h.heads * h.size;
	save(head_of(out, h, p, wide, p.query + first), wide, o, h, p.queries - first, own, 1, 0);
}

template <class T> DEVFN void attention_delta(float *delta, const T *dout, const T *out, int count, int size) {
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
	save(head_of(dq, h, p, h.stride, p.query + first), h.stride, sum, h, p.queries - first, own, h.scale, accumulate);
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
	int wide = h.heads * h.size;
	Result sum_k, sum_v;
	clear(sum_k), clear(sum_v);
	for (int from = begin; from < queries; from += TILE) {
		Scores s, dp;
		clear(s), clear(dp);
		for (int i = 1; i <= chunks; i++) {
			int chunk = (own + i) % chunks;
			if (from == begin || chunks > 1) {
				load_chunk(t.k, head_of(k, h, p, h.key_stride, p.key + first), h.key_stride, h, p.keys - first, chunk);
				load_chunk(t.v, head_of(v, h, p, h.key_stride, p.key + first), h.key_stride, h, p.keys - first, chunk);
			}
			load_chunk(t.q, head_of(q, h, p, h.stride, p.query + from), h.stride, h, p.queries - from, chunk);
			load_chunk(t.dout, head_of(dout, h, p, wide, p.query + from), wide, h, p.queries - from, chunk);
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
	if (dk)
		save(head_of(dk, h, p, h.key_stride, p.key + first), h.key_stride, sum_k, h, p.keys - first, own,
			h.scale, accumulate_k);
	if (dv)
		save(head_of(dv, h, p, h.key_stride, p.key + first), h.key_stride, sum_v, h, p.keys - first, own,
			1, accumulate_v);
}

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
