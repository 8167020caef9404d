// Attention of attention_float.cu with q, k, v and out in bf16, on tensor cores. Besides the terms there: q, k and v are
// rows of stride or key_stride elements, both multiples of 8, as is the size of a head. What is rounded to bf16 are out
// and the exponentials, relative to the largest one so far of a query.
#include "attention_tiles.h"

const int WARPS = 4; // of a block

// Softmax is that of M times two rows, as far as they have been seen. Scores count in powers of two.
template <int M> struct Softmax {
	float largest[M][2], sum[M][2];
	int seen[M][2]; // keys
	uint64_t random[M][2];
};

// hide takes the keys out that queries do not see, after adding the position bias.
template <bool BIASED, int M, int N>
DEVFN void hide(Sums<M, N> &s, const Softmax<M> &f, const Heads &h, const Part &p, int query, int from) {
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int n = 0; n < N; n++)
#pragma unroll
			for (int i = 0; i < 4; i++) {
				int key = from + 8 * n + 2 * (lane() & 3) + (i & 1);
				if (BIASED)
					s.at[m][n][i] = biased(h, p, query + 16 * m + 8 * (i >> 1), key, s.at[m][n][i]);
				if (key >= f.seen[m][i >> 1]) s.at[m][n][i] = -INFINITY;
			}
}

// rise brings what was summed to new largest scores, if scores exceed the present ones of a query of the warp by more
// than 2^8. Up to there exponentials are as precise in their place.
template <int M, int N, int C> DEVFN void rise(const Sums<M, N> &s, Softmax<M> &f, Sums<M, C> &o, float c) {
	float largest[M][2];
	bool rises = false;
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			float x = s.at[m][0][2 * r];
#pragma unroll
			for (int n = 0; n < N; n++) x = fmaxf(x, fmaxf(s.at[m][n][2 * r], s.at[m][n][2 * r + 1]));
			x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
			x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
			largest[m][r] = fmaxf(f.largest[m][r], x * c); // finite, as every query sees key 0
			rises |= largest[m][r] > f.largest[m][r] + 8;
		}
	if (__ballot_sync(0xffffffffu, rises) == 0) return;
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			float correction = exp2_fast(f.largest[m][r] - largest[m][r]);
			f.largest[m][r] = largest[m][r], f.sum[m][r] *= correction;
#pragma unroll
			for (int n = 0; n < C; n++) o.at[m][n][2 * r] *= correction, o.at[m][n][2 * r + 1] *= correction;
		}
}

// weigh turns the scores of keys from `from` on into exponentials, of which those that dropout drops become zero.
template <bool DROPS, int M, int N> DEVFN void weigh(Sums<M, N> &s, Softmax<M> &f, const Heads &h, float c, int from) {
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			float sum = 0;
#pragma unroll
			for (int n = 0; n < N; n++)
#pragma unroll
				for (int i = 2 * r; i < 2 * r + 2; i++) {
					float e = exp2_fast(fmaf(s.at[m][n][i], c, -f.largest[m][r]));
					sum += e;
					if (DROPS && !dropout_keeps(h.dropout, f.random[m][r], from + 8 * n + 2 * (lane() & 3) + (i & 1)))
						e = 0;
					s.at[m][n][i] = e;
				}
			f.sum[m][r] += sum;
		}
}

// finish writes the rows of a warp.
template <bool DROPS, int M, int C>
DEVFN void finish(bf16 *out, float *lse, Sums<M, C> &o, Softmax<M> &f, const Heads &h, const Part &p, int first) {
	out = head_of(out, h, p, h.heads * h.size, p.query);
#pragma unroll
	for (int m = 0; m < M; m++) {
		float factor[2];
#pragma unroll
		for (int r = 0; r < 2; r++) {
			float sum = f.sum[m][r];
			sum += __shfl_xor_sync(0xffffffffu, sum, 1);
			sum += __shfl_xor_sync(0xffffffffu, sum, 2);
			int query = first + 16 * m + (lane() >> 2) + 8 * r;
			if ((lane() & 3) == 0 && query < p.queries)
				lse[(size_t)(p.query + query) * h.heads + p.head] = (f.largest[m][r] + log2_fast(sum)) * LN2;
			factor[r] = (DROPS ? h.dropout.scale : 1) / sum;
		}
		save(out, h.heads * h.size, first + 16 * m, p.queries, 0, h.size, o.at[m], factor[0], factor[1], 0);
	}
}

// attention has 16 M WARPS queries a block, and takes KEYS keys at a time. shared has the tile of q and two of each k
// and v: the next ones arrive while the present ones are used.
template <int D, int M, int KEYS, bool DROPS, bool BIASED>
DEVFN void attention(bf16 *out, float *lse, const bf16 *q, const bf16 *k, const bf16 *v, const Heads &h, Address shared) {
	const int ROWS = 16 * M * WARPS;
	const int TILE = KEYS * D * 2; // bytes
	Address tile_q = shared, tile_k = tile_q + ROWS * D * 2, tile_v = tile_k + 2 * TILE;
	int first = blockIdx.x * ROWS, own = first + 16 * M * warp();
	Part p = part_of(h, blockIdx.y, blockIdx.z);
	if (first >= p.queries) return;
	int keys = visible(p, smaller(first + ROWS, p.queries) - 1);
	k = head_of(k, h, p, h.key_stride, p.key), v = head_of(v, h, p, h.key_stride, p.key);
	load_tile<D, ROWS, 32 * WARPS>(tile_q, head_of(q, h, p, h.stride, p.query), h.stride, first, p.queries, h.size);
	load_tile<D, KEYS, 32 * WARPS>(tile_k, k, h.key_stride, 0, p.keys, h.size);
	load_tile<D, KEYS, 32 * WARPS>(tile_v, v, h.key_stride, 0, p.keys, h.size);
	copies_commit();
	Softmax<M> f;
	int query = own + (lane() >> 2); // the lane's first
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			f.largest[m][r] = -INFINITY, f.sum[m][r] = 0;
			f.seen[m][r] = visible(p, query + 16 * m + 8 * r);
			f.random[m][r] = DROPS ? row_key(h, p, query + 16 * m + 8 * r) : 0;
		}
	int some = own < p.queries ? visible(p, smaller(own + 16 * M, p.queries) - 1) : 0; // keys that a query of the warp sees
	int all = BIASED ? 0 : visible(p, own);   // and those that all of them see
	float c = h.scale * LOG2E;
	Fragments<M, D / 16> x;
	Sums<M, D / 8> o;
	clear(o);
	for (int from = 0, turn = 0; from < keys; from += KEYS, turn ^= 1) {
		copies_wait<0>();
		__syncthreads();
		if (from == 0) {
#pragma unroll
			for (int m = 0; m < M; m++)
#pragma unroll
				for (int i = 0; i < D / 16; i++) load_fragments(x.at[m][i], further<D>(left<D>(tile_q), M * warp() + m, i));
		}
		int next = from + KEYS;
		if (next < keys) {
			int there = (turn ^ 1) * TILE;
			load_tile<D, KEYS, 32 * WARPS>(tile_k + there, k, h.key_stride, next, p.keys, h.size);
			load_tile<D, KEYS, 32 * WARPS>(tile_v + there, v, h.key_stride, next, p.keys, h.size);
			copies_commit();
		}
		if (from >= some) continue;
		Sums<M, KEYS / 8> s;
		clear(s);
		multiply<D>(s, x, right<D>(tile_k + turn * TILE));
		if (next > all) hide<BIASED>(s, f, h, p, query, from);
		rise(s, f, o, c);
		weigh<DROPS>(s, f, h, c, from);
#pragma unroll
		for (int i = 0; i < KEYS / 16; i++) {
			Fragments<M, 1> weights;
			as_left(weights, s, i);
			multiply_rows<D>(o, weights, further<D>(left<D>(tile_v + turn * TILE), i, 0));
		}
	}
	finish<DROPS>(out, lse, o, f, h, p, own);
}

// attention_float for heads of up to 64. Grid: (⌈L/64⌉, heads, sequences).
KERNEL_OF(128, attention_bf16_64, bf16 *out, float *lse, const bf16 *q, const bf16 *k, const bf16 *v, STRIDED_HEADS) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	Address memory = address_of(shared);
	if (bias) attention<64, 1, 64, true, true>(out, lse, q, k, v, h, memory);
	else if (threshold) attention<64, 1, 64, true, false>(out, lse, q, k, v, h, memory);
	else attention<64, 1, 64, false, false>(out, lse, q, k, v, h, memory);
}

// The same for heads of up to 128. Grid: (⌈L/64⌉, heads, sequences).
KERNEL_OF(128, attention_bf16_128, bf16 *out, float *lse, const bf16 *q, const bf16 *k, const bf16 *v, STRIDED_HEADS) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	attention<128, 1, 64, true, true>(out, lse, q, k, v, h, address_of(shared));
}
