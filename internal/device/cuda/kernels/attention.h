// Products of the tiles of attention, for heads of any size. A block of 256 threads works on tiles of 32 queries and 32
// keys of one head of one sequence. Heads are taken 64 columns at a time, a chunk: a block makes one chunk of its result,
// for which it goes through all chunks of the factors of the scores.
#pragma once
#include "attention_heads.h"
#include "elements.h"
#include "functions.h"

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
template <class T> DEVFN void load_chunk(float *tile, const T *x, const Heads &h, int rows, int chunk) {
	int stride = h.heads * h.size, columns = h.size - chunk * CHUNK;
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
DEVFN void save(T *x, const Result &o, const Heads &h, int rows, int chunk, float factor, int accumulate) {
	int column = chunk * CHUNK + 4 * across(), stride = h.heads * h.size;
	for (int r = 0; r < 2; r++) {
		int row = 2 * down() + r;
		if (row >= rows || column >= h.size) continue;
		Four f = o.row[r];
		for (int j = 0; j < 4; j++) f.at[j] *= factor;
		put4(x + (size_t)row * stride + column, f, h.size - column, accumulate);
	}
}

// first_row is where a token of one head begins, of a matrix [tokens, heads·size].
template <class T> DEVFN T *first_row(T *x, const Heads &h, const Part &p, int token) {
	return x + ((size_t)token * h.heads + p.head) * h.size;
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
	int chunks = chunks_of(h);
	Scores s, dp;
	clear(s), clear(dp);
	for (int i = 1; i <= chunks; i++) {
		int chunk = (last + i) % chunks;
		if (!loaded || chunks > 1) {
			load_chunk(t.q, first_row(q, h, p, p.query + first), h, p.queries - first, chunk);
			load_chunk(t.dout, first_row(dout, h, p, p.query + first), h, p.queries - first, chunk);
		}
		load_chunk(t.k, first_row(k, h, p, p.key + from), h, p.keys - from, chunk);
		load_chunk(t.v, first_row(v, h, p, p.key + from), h, p.keys - from, chunk);
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
