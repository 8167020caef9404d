// The gradients of the queries of attention on tensor cores; the terms are those of attention_gradient_bf16.cu.
#include "attention_gradient.h"

const int WARPS = 4; // of a block

// QueryTerms are those of M times two rows.
template <int M> struct QueryTerms {
	Term at[M][2];
	int seen[M][2]; // keys
};

// hide takes keys out of the products with 16 keys that the queries do not see, after adding the position bias. query and
// key are the lane's first ones.
template <bool BIASED, int M>
DEVFN void hide(Sums<M, 2> &s, const QueryTerms<M> &f, const Heads &h, const Part &p, int query, int key) {
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int n = 0; n < 2; n++)
#pragma unroll
			for (int i = 0; i < 4; i++) {
				int r = i >> 1, other = key + 8 * n + (i & 1);
				if (BIASED) s.at[m][n][i] = biased(h, p, query + 16 * m + 8 * r, other, s.at[m][n][i]);
				if (other >= f.seen[m][r]) s.at[m][n][i] = -INFINITY;
			}
}

// weigh turns the products s of queries with 16 keys, from the lane's first one on, and dp, those of gradients with
// values, into ds, which takes the place of dp.
template <bool DROPS, int M>
DEVFN void weigh(const Sums<M, 2> &s, Sums<M, 2> &dp, const QueryTerms<M> &f, const Heads &h, int key) {
	float c = h.scale * LOG2E;
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int n = 0; n < 2; n++)
#pragma unroll
			for (int i = 0; i < 4; i++) {
				const Term &t = f.at[m][i >> 1];
				float e = exp2_fast(fmaf(s.at[m][n][i], c, -t.lse)), kept = e;
				if (DROPS && !dropout_keeps(h.dropout, t.random, key + 8 * n + (i & 1))) kept = 0;
				dp.at[m][n][i] = fmaf(kept, dp.at[m][n][i], -e * t.delta);
			}
}

// attention_queries has 16 M WARPS queries a block, and takes KEYS keys at a time, 16 by 16. shared has the tiles of q
// and dout and two of each k and v: the next ones arrive while the present ones are used.
template <int D, int M, int KEYS, bool DROPS, bool BIASED>
DEVFN void attention_queries(const Gradients &given, const Heads &h, bf16 *shared) {
	const int ROWS = 16 * M * WARPS, TILE = KEYS * D * 2;
	Address tile_q = address_of(shared), tile_d = tile_q + ROWS * D * 2, tile_k = tile_d + ROWS * D * 2,
			tile_v = tile_k + 2 * TILE;
	int first = blockIdx.x * ROWS, own = first + 16 * M * warp();
	Part p = part_of(h, blockIdx.y, blockIdx.z);
	if (first >= p.queries) return;
	Gradients x = gradients_of(given, h, p);
	int keys = visible(p, smaller(first + ROWS, p.queries) - 1), wide = h.heads * h.size;
	load_tile<D, ROWS, 32 * WARPS>(tile_q, x.q, h.stride, first, p.queries, h.size);
	load_tile<D, ROWS, 32 * WARPS>(tile_d, x.dout, wide, first, p.queries, h.size);
	load_tile<D, KEYS, 32 * WARPS>(tile_k, x.k, h.key_stride, 0, p.keys, h.size);
	load_tile<D, KEYS, 32 * WARPS>(tile_v, x.v, h.key_stride, 0, p.keys, h.size);
	copies_commit();
	int query = own + (lane() >> 2);
	QueryTerms<M> f;
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			int at = query + 16 * m + 8 * r;
			f.at[m][r] = term_of(*words4_at(x.terms + (unsigned)smaller(at, p.queries - 1) * h.heads * 4));
			f.seen[m][r] = visible(p, at);
		}
	int some = own < p.queries ? visible(p, smaller(own + 16 * M, p.queries) - 1) : 0;
	int all = BIASED ? 0 : visible(p, own);
	Sums<M, D / 8> dq;
	clear(dq);
	Pair<D, M> fragments;
	for (int from = 0, turn = 0; from < keys; from += KEYS, turn ^= 1) {
		copies_wait<0>();
		__syncthreads();
		if (from == 0) {
			load_rows<D>(fragments.first, tile_q + 16 * M * warp() * D * 2);
			load_rows<D>(fragments.second, tile_d + 16 * M * warp() * D * 2);
		}
		int next = from + KEYS;
		if (next < keys) {
			load_tile<D, KEYS, 32 * WARPS>(tile_k + (turn ^ 1) * TILE, x.k, h.key_stride, next, p.keys, h.size);
			load_tile<D, KEYS, 32 * WARPS>(tile_v + (turn ^ 1) * TILE, x.v, h.key_stride, next, p.keys, h.size);
			copies_commit();
		}
		if (from >= some) continue;
		Address k = tile_k + turn * TILE, v = tile_v + turn * TILE;
#pragma unroll 1
		for (int part = 0; part < KEYS / 16; part++) {
			Sums<M, 2> s, dp;
			clear(s), clear(dp);
			multiply<D>(s, fragments.first, further<D>(right<D>(k), part, 0));
			multiply<D>(dp, fragments.second, further<D>(right<D>(v), part, 0));
			if (next > all) hide<BIASED>(s, f, h, p, query, from + 16 * part + 2 * (lane() & 3));
			weigh<DROPS>(s, dp, f, h, from + 16 * part + 2 * (lane() & 3));
			Fragments<M, 1> ds;
			as_left(ds, dp, 0);
			multiply_rows<D>(dq, ds, further<D>(left<D>(k), part, 0));
		}
	}
	float factor = DROPS ? h.scale * h.dropout.scale : h.scale;
#pragma unroll
	for (int m = 0; m < M; m++)
		save(x.dq, h.stride, own + 16 * m, p.queries, 0, h.size, dq.at[m], factor, factor, x.accumulate_q);
}

// dq, or += it, for heads of up to 64. Grid: (⌈L/128⌉, heads, sequences).
KERNEL_OF(128, attention_queries_bf16_64, bf16 *dq, const bf16 *dout, const float *terms, const bf16 *q, const bf16 *k,
	const bf16 *v, STRIDED_HEADS, int accumulate) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	Gradients x = {dq, nullptr, nullptr, dout, terms, q, k, v, accumulate, 0, 0};
	if (bias) attention_queries<64, 2, 64, true, true>(x, h, shared);
	else if (threshold) attention_queries<64, 2, 64, true, false>(x, h, shared);
	else attention_queries<64, 2, 64, false, false>(x, h, shared);
}

// The same for heads of up to 128. Grid: (⌈L/64⌉, heads, sequences).
KERNEL_OF(128, attention_queries_bf16_128, bf16 *dq, const bf16 *dout, const float *terms, const bf16 *q, const bf16 *k,
	const bf16 *v, STRIDED_HEADS, int accumulate) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	Gradients x = {dq, nullptr, nullptr, dout, terms, q, k, v, accumulate, 0, 0};
	attention_queries<128, 1, 32, true, true>(x, h, shared);
}
