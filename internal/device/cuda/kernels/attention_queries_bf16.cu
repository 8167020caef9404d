// The gradients of the queries of attention on tensor cores; the terms are those of attention_gradient_bf16.cu.
#include "attention_gradient.h"

const int WARPS = 4; // of a block

// QueryTerms are those of the rows of a warp.
template <int M> struct QueryTerms {
	float lse[M][2], delta[M][2];
	uint64_t random[M][2];
	int seen[M][2];
};

template <bool DROPS, bool BIASED, int M>
DEVFN void weigh_keys(Sums<M, 2> &s, Sums<M, 2> &dp, const QueryTerms<M> &f, const Heads &h, const Part &p, int query, int key, bool hidden) {
	float c = h.scale * LOG2E;
	if (hidden) {
#pragma unroll
		for (int m = 0; m < M; m++)
#pragma unroll
			for (int n = 0; n < 2; n++)
#pragma unroll
				for (int i = 0; i < 4; i++) {
					int own = key + 8 * n + (i & 1), r = i >> 1;
					if (BIASED) s.at[m][n][i] = biased(h, p, query + 16 * m + 8 * r, own, s.at[m][n][i]);
					if (own >= f.seen[m][r]) s.at[m][n][i] = -INFINITY;
				}
	}
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int n = 0; n < 2; n++)
#pragma unroll
			for (int i = 0; i < 4; i++) {
				int r = i >> 1;
				float e = exp2_fast(fmaf(s.at[m][n][i], c, -f.lse[m][r])), kept = e;
				if (DROPS && !dropout_keeps(h.dropout, f.random[m][r], key + 8 * n + (i & 1))) kept = 0;
				dp.at[m][n][i] = fmaf(kept, dp.at[m][n][i], -e * f.delta[m][r]);
			}
}

template <int D, int M, int KEYS, bool AHEAD, bool DROPS, bool BIASED>
DEVFN void attention_queries(const Gradients &all, const Heads &h, bf16 *shared) {
	const int ROWS = 16 * M * WARPS, TILE = KEYS * D * 2;
	Address tile_q = address_of(shared), tile_d = tile_q + ROWS * D * 2, tile_k = tile_d + ROWS * D * 2, tile_v = tile_k + 2 * TILE;
	int first = blockIdx.x * ROWS, own = first + 16 * M * warp();
	Part p = part_of(h, blockIdx.y, blockIdx.z);
	if (first >= p.queries) return;
	Gradients x = gradients_of(all, h, p);
	int keys = visible(p, smaller(first + ROWS, p.queries) - 1), wide = h.heads * h.size;
	load_tile<D, ROWS, 128>(tile_q, x.q, h.stride, first, p.queries, h.size);
	load_tile<D, ROWS, 128>(tile_d, x.dout, wide, first, p.queries, h.size);
	load_tile<D, KEYS, 128>(tile_k, x.k, h.key_stride, 0, p.keys, h.size);
	load_tile<D, KEYS, 128>(tile_v, x.v, h.key_stride, 0, p.keys, h.size);
	copies_commit();
	int query = own + (lane() >> 2);
	QueryTerms<M> f;
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			int at = query + 16 * m + 8 * r;
			Words4 w = *words4_at(x.terms + (unsigned)smaller(at, p.queries - 1) * h.heads * 4);
			f.lse[m][r] = __uint_as_float(w[0]), f.delta[m][r] = __uint_as_float(w[1]);
			f.random[m][r] = w[2] | (uint64_t)w[3] << 32;
			f.seen[m][r] = visible(p, at);
		}
	int some = own < p.queries ? visible(p, smaller(own + 16 * M, p.queries) - 1) : 0;
	int all_seen = BIASED ? 0 : visible(p, own);
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
			load_tile<D, KEYS, 128>(tile_k + (turn ^ 1) * TILE, x.k, h.key_stride, next, p.keys, h.size);
			load_tile<D, KEYS, 128>(tile_v + (turn ^ 1) * TILE, x.v, h.key_stride, next, p.keys, h.size);
			copies_commit();
		}
		if (from >= some) continue;
		Address k = tile_k + turn * TILE, v = tile_v + turn * TILE;
		Sums<M, 2> s[2], dp[2];
		if (AHEAD) {
			clear(s[0]), clear(dp[0]);
			multiply<D>(s[0], fragments.first, right<D>(k)), multiply<D>(dp[0], fragments.second, right<D>(v));
		}
#pragma unroll AHEAD ? 8 : 1
		for (int part = 0; part < KEYS / 16; part++) {
			int now = AHEAD ? part & 1 : 0, then = AHEAD ? part + 1 : part;
			if (then < KEYS / 16) {
				clear(s[then & (AHEAD ? 1 : 0)]), clear(dp[then & (AHEAD ? 1 : 0)]);
				multiply<D>(s[then & (AHEAD ? 1 : 0)], fragments.first, further<D>(right<D>(k), then, 0));
				multiply<D>(dp[then & (AHEAD ? 1 : 0)], fragments.second, further<D>(right<D>(v), then, 0));
			}
			weigh_keys<DROPS, BIASED>(s[now], dp[now], f, h, p, query, from + 16 * part + 2 * (lane() & 3), next > all_seen);
			Fragments<M, 1> a;
			as_left(a, dp[now], 0);
			multiply_rows<D>(dq, a, further<D>(left<D>(k), part, 0));
		}
	}
	float factor = DROPS ? h.scale * h.dropout.scale : h.scale;
#pragma unroll
	for (int m = 0; m < M; m++) save(x.dq, h.stride, own + 16 * m, p.queries, 0, h.size, dq.at[m], factor, factor, x.accumulate_q);
}

// dq, or += it, for heads of up to 64. Grid: (⌈L/64⌉, heads, sequences).
KERNEL_OF(128, attention_queries_bf16_64, bf16 *dq, const bf16 *dout, const float *terms, const bf16 *q, const bf16 *k,
	const bf16 *v, STRIDED_HEADS, int accumulate) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	Gradients x = {dq, nullptr, nullptr, dout, terms, q, k, v, accumulate, 0, 0};
	if (bias) attention_queries<64, 1, 64, false, true, true>(x, h, shared);
	else if (threshold) attention_queries<64, 1, 64, false, true, false>(x, h, shared);
	else attention_queries<64, 1, 64, false, false, false>(x, h, shared);
}

// The same for heads of up to 128. Grid: (⌈L/64⌉, heads, sequences).
KERNEL_OF(128, attention_queries_bf16_128, bf16 *dq, const bf16 *dout, const float *terms, const bf16 *q, const bf16 *k,
	const bf16 *v, STRIDED_HEADS, int accumulate) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	Gradients x = {dq, nullptr, nullptr, dout, terms, q, k, v, accumulate, 0, 0};
	attention_queries<128, 1, 32, false, true, true>(x, h, shared);
}
