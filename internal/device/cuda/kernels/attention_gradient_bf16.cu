// The gradients of attention in bf16, on tensor cores; the terms are those of attention_float.cu and attention_bf16.cu.
// With p the probabilities, m 1 where dropout keeps and 0 elsewhere, κ its factor, and
// ds(i, j) = p (m dout_i·v_j - delta_i/κ):
//
//   dq_i = scale κ Σ_j ds(i, j) k_j    dk_j = scale κ Σ_i ds(i, j) q_i    dv_j = κ Σ_i m p(i, j) dout_i
//
// m p and ds are rounded to bf16. What a warp computes of queries and keys are left factors of its next products as they
// are: a warp that makes gradients of keys has keys, and goes through the queries; one that makes those of queries, the
// reverse. Sequences of up to 128 keys have a kernel for both, in which the warps exchange ds.
#include "attention_gradient.h"
#include "elements.h"

// attention_delta_float to the terms: 8 lanes a query and head. terms [queries, heads, 4]; dout, out [queries,
// heads·size], size a multiple of 8; lse [queries, heads]; rows [queries], not read if threshold is 0; count is
// queries·heads. Grid: ⌈count/32⌉.
KERNEL_OF(256, attention_terms_bf16, float *terms, const bf16 *dout, const bf16 *out, const float *lse, const int *rows,
	int count, int heads, int size, DROPOUT) {
	int at = blockIdx.x * 32 + (threadIdx.x >> 3), part = threadIdx.x & 7;
	size_t row = (size_t)smaller(at, count - 1) * size;
	float sum = 0;
	for (int i = part * 8; i < size; i += 64) {
		Elements<8> a = read<8>(dout + row + i, 8), b = read<8>(out + row + i, 8);
		for (int j = 0; j < 8; j++) sum = fmaf(a.at[j], b.at[j], sum);
	}
	for (int d = 4; d > 0; d >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, d);
	if (part > 0 || at >= count) return;
	Dropout dropout = DROPOUT_OF;
	uint64_t random = threshold ? dropout_row(dropout, (uint64_t)rows[at / heads] * heads + at % heads) : 0;
	if (keep_scale > 0) sum = sum / keep_scale;
	Words4 w = {
		__float_as_uint(lse[at] * LOG2E), __float_as_uint(sum), (unsigned)random, (unsigned)(random >> 32)};
	*words4_at(terms + 4 * (size_t)at) = w;
}

// Tiles are those of a block in shared memory: of keys k and v; of queries q, dout and the terms, twice: the next ones
// arrive while the present ones are used; and if all gradients are made ds [KEYS, QUERIES].
template <int D, int KEYS, int QUERIES> struct Tiles {
	static const int OF_KEYS = KEYS * D * 2, OF_QUERIES = QUERIES * D * 2; // bytes
	Address k, v, q, dout, terms, ds;
};

template <int D, int KEYS, int QUERIES> DEVFN Tiles<D, KEYS, QUERIES> tiles_in(const bf16 *shared) {
	typedef Tiles<D, KEYS, QUERIES> T;
	T t;
	t.k = address_of(shared), t.v = t.k + T::OF_KEYS, t.q = t.v + T::OF_KEYS, t.dout = t.q + 2 * T::OF_QUERIES;
	t.terms = t.dout + 2 * T::OF_QUERIES, t.ds = t.terms + 2 * QUERIES * 16;
	return t;
}

// KeySums are the gradients of the keys of a warp.
template <int D, int M> struct KeySums {
	Sums<M, D / 8> k, v;
};

// hide takes keys out of the products with 16 queries that do not see them, after adding the position bias. key and
// query are the lane's first ones.
template <bool BIASED, int M> DEVFN void hide(Sums<M, 2> &s, const Heads &h, const Part &p, int key, int query) {
#pragma unroll
	for (int n = 0; n < 2; n++)
#pragma unroll
		for (int j = 0; j < 2; j++) {
			int other = query + 8 * n + j, seen = visible(p, other);
#pragma unroll
			for (int m = 0; m < M; m++)
#pragma unroll
				for (int i = j; i < 4; i += 2) {
					int own = key + 16 * m + 8 * (i >> 1);
					if (BIASED) s.at[m][n][i] = biased(h, p, other, own, s.at[m][n][i]);
					if (own >= seen) s.at[m][n][i] = -INFINITY;
				}
		}
}

// weigh turns the products s of keys with 16 queries into probabilities after dropout, without its factor, and dp, those
// of values with gradients, into ds. key is the lane's first one, and `at` the term of its first query.
template <bool DROPS, int M, class T>
DEVFN void weigh(Sums<M, 2> &s, Sums<M, 2> &dp, const T &tiles, int at, const Heads &h, int key) {
	float c = h.scale * LOG2E;
#pragma unroll
	for (int n = 0; n < 2; n++)
#pragma unroll
		for (int j = 0; j < 2; j++) {
			Term t = term_of(load_words(tiles.terms + 16 * (at + 8 * n + j)));
#pragma unroll
			for (int m = 0; m < M; m++)
#pragma unroll
				for (int i = j; i < 4; i += 2) {
					float e = exp2_fast(fmaf(s.at[m][n][i], c, -t.lse)), kept = e;
					if (DROPS && !dropout_keeps(h.dropout, t.random, key + 16 * m + 8 * (i >> 1))) kept = 0;
					s.at[m][n][i] = kept;
					dp.at[m][n][i] = fmaf(kept, dp.at[m][n][i], -e * t.delta);
				}
		}
}

// multiply_step adds to the sums of a warp's rows and 16 rows of another tile the product of 16 columns. KEPT fragments
// are in registers; others come from the tile of the warp's rows each time.
template <bool KEPT, int D, int M>
DEVFN void multiply_step(Sums<M, 2> &s, const Fragments<M, D / 16> &kept, int i, Address rows, Address others) {
	unsigned b[4];
	load_fragments(b, further<D>(right<D>(others), 0, i));
	if (KEPT) return accumulate(s, 0, kept, i, b);
	Fragments<M, 1> a;
#pragma unroll
	for (int m = 0; m < M; m++) load_fragments(a.at[m][0], further<D>(left<D>(rows), m, i));
	accumulate(s, 0, a, 0, b);
}

// multiply_queries makes the products of a warp's keys with 16 queries, s, and of the values with their gradients, dp.
// Of the fragments of keys and then values KEPT are in registers.
template <int KEPT, int D, int M, int KEYS, int QUERIES>
DEVFN void multiply_queries(Sums<M, 2> &s, Sums<M, 2> &dp, const Tiles<D, KEYS, QUERIES> &t, int turn, int part,
	const Pair<D, M> &x, int own) {
	const int STEPS = D / 16;
	Address q = further<D>(t.q + turn * t.OF_QUERIES, part, 0), dout = further<D>(t.dout + turn * t.OF_QUERIES, part, 0);
	Address k = t.k + own * D * 2, v = t.v + own * D * 2;
	clear(s), clear(dp);
#pragma unroll
	for (int i = 0; i < STEPS; i++) {
		if (i < KEPT) multiply_step<true, D>(s, x.first, i, k, q);
		else multiply_step<false, D>(s, x.first, i, k, q);
		if (STEPS + i < KEPT) multiply_step<true, D>(dp, x.second, i, v, dout);
		else multiply_step<false, D>(dp, x.second, i, v, dout);
	}
}

// add_queries adds to the gradients of a warp's keys what 16 queries of a tile give, and if WHOLE shares ds. `own` is the
// first key of the warp in its block.
template <bool WHOLE, bool DROPS, bool BIASED, int D, int M, int KEYS, int QUERIES>
DEVFN void add_queries(KeySums<D, M> &sums, Sums<M, 2> &s, Sums<M, 2> &dp, const Tiles<D, KEYS, QUERIES> &t, int turn,
	int part, const Heads &h, const Part &p, int first, int own, int from, bool hidden) {
	int g = lane() >> 2, two = 2 * (lane() & 3);
	Address q = further<D>(t.q + turn * t.OF_QUERIES, part, 0), dout = further<D>(t.dout + turn * t.OF_QUERIES, part, 0);
	if (hidden) hide<BIASED>(s, h, p, first + own + g, from + 16 * part + two);
	weigh<DROPS>(s, dp, t, turn * QUERIES + 16 * part + two, h, first + own + g);
	Fragments<M, 1> a;
	as_left(a, s, 0);
	multiply_rows<D>(sums.v, a, left<D>(dout));
	as_left(a, dp, 0);
	multiply_rows<D>(sums.k, a, left<D>(q));
	if (!WHOLE) return;
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int i = 0; i < 4; i++)
			store_word(t.ds + place<QUERIES>(own + 16 * m + g + 8 * (i & 1), 2 * part + (i >> 1)) + 2 * two, a.at[m][0][i]);
}

// add_sixteen adds what 16 keys give to the gradients of queries.
template <int D, int QUERIES, int R, int N> DEVFN void add_sixteen(Sums<R, N> &s, Address ds, Address k, int i) {
	Fragments<R, 1> a;
#pragma unroll
	for (int m = 0; m < R; m++) load_fragments_transposed(a.at[m][0], further<QUERIES>(ds, i, m));
	multiply_rows<D>(s, a, further<D>(k, i, 0));
}

// add_keys makes the gradients of a tile of queries, which see less than `seen` keys. A warp has half of the columns of
// its rows.
template <int D, int M, int KEYS, int QUERIES>
DEVFN void add_keys(
	const Gradients &x, const Tiles<D, KEYS, QUERIES> &t, const Heads &h, const Part &p, int seen, int from, float factor) {
	const int ROWS = QUERIES / (KEYS / 16 / M / 2), R = ROWS / 16;
	int row = warp() / 2 * ROWS, column = warp() % 2 * (D / 2);
	if (from + row >= p.queries) return;
	Sums<R, D / 16> s;
	clear(s);
	Address ds = further<QUERIES>(left_columns<QUERIES>(t.ds), 0, row / 16), k = further<D>(left<D>(t.k), 0, column / 16);
	if (seen >= KEYS) {
#pragma unroll
		for (int i = 0; i < KEYS / 16; i++) add_sixteen<D, QUERIES>(s, ds, k, i);
	} else {
		for (int i = 0; 16 * i < seen; i++) add_sixteen<D, QUERIES>(s, ds, k, i);
	}
#pragma unroll
	for (int m = 0; m < R; m++)
		save(x.dq, h.stride, from + row + 16 * m, p.queries, column, h.size, s.at[m], factor, factor, x.accumulate_q);
}

// load_queries begins to copy a tile of the queries from `first` on.
template <int D, int THREADS, int KEYS, int QUERIES>
DEVFN void load_queries(
	const Tiles<D, KEYS, QUERIES> &t, int turn, const Gradients &x, const Heads &h, const Part &p, int first) {
	int wide = h.heads * h.size;
	load_tile<D, QUERIES, THREADS>(t.q + turn * t.OF_QUERIES, x.q, h.stride, first, p.queries, h.size);
	load_tile<D, QUERIES, THREADS>(t.dout + turn * t.OF_QUERIES, x.dout, wide, first, p.queries, h.size);
	int query = first + threadIdx.x;
	if (threadIdx.x < QUERIES)
		copy_async(t.terms + (turn * QUERIES + threadIdx.x) * 16, x.terms + (unsigned)query * h.heads * 4,
			query < p.queries);
}

// save_keys writes the gradients of a warp's keys, unless they are not wanted.
template <int M, int N>
DEVFN void save_keys(bf16 *to, const Sums<M, N> &sums, const Heads &h, const Part &p, int row, float factor, int accumulate) {
	if (!to) return;
	to = head_of(to, h, p, h.key_stride, p.key);
#pragma unroll
	for (int m = 0; m < M; m++)
		save(to, h.key_stride, row + 16 * m, p.keys, 0, h.size, sums.at[m], factor, factor, accumulate);
}

// block_of_keys makes the gradients of the keys from `first` on, and if WHOLE those of the queries, for which these have
// to be all keys. Of the fragments of a warp's keys and values KEPT stay in registers while it goes through a tile.
template <int D, int M, int KEYS, int QUERIES, bool WHOLE, int KEPT, bool DROPS, bool BIASED>
DEVFN void block_of_keys(
	const Gradients &x, const Heads &h, const Part &p, int sequence, const Tiles<D, KEYS, QUERIES> &t, int first) {
	const int THREADS = KEYS / 16 / M * 32;
	int begin = first < p.always ? 0 : first / QUERIES * QUERIES; // earlier queries see none of these keys
	int queries = WHOLE || first < p.limit ? p.queries : 0;       // no query does, but without keys dq is zero
	int own = warp() * 16 * M;
	float kept = DROPS ? h.dropout.scale : 1;
	KeySums<D, M> sums;
	clear(sums.k), clear(sums.v);
	if (begin < queries) {
		load_tile<D, KEYS, THREADS>(t.k, x.k, h.key_stride, first, p.keys, h.size);
		load_tile<D, KEYS, THREADS>(t.v, x.v, h.key_stride, first, p.keys, h.size);
		load_queries<D, THREADS>(t, 0, x, h, p, begin);
		copies_commit();
	}
	for (int from = begin, turn = 0; from < queries; from += QUERIES, turn ^= 1) {
		copies_wait<0>();
		__syncthreads();
		int next = from + QUERIES, seen = visible(p, smaller(next, queries) - 1);
		if (next < queries) {
			load_queries<D, THREADS>(t, turn ^ 1, x, h, p, next);
			copies_commit();
		}
		bool hidden = BIASED || first + KEYS > visible(p, from);
		if (first + own < seen) {
			Pair<D, M> fragments;
			load_rows<D, KEPT>(fragments.first, t.k + own * D * 2);
			load_rows<D, KEPT - D / 16>(fragments.second, t.v + own * D * 2);
#pragma unroll 1
			for (int part = 0; part < QUERIES / 16 && from + 16 * part < queries; part++) {
				Sums<M, 2> s, dp;
				multiply_queries<KEPT>(s, dp, t, turn, part, fragments, own);
				add_queries<WHOLE, DROPS, BIASED>(sums, s, dp, t, turn, part, h, p, first, own, from, hidden);
			}
		}
		if (!WHOLE) continue;
		__syncthreads();
		add_keys<D, M>(x, t, h, p, seen, from, h.scale * kept);
	}
	Part again = part_of(h, p.head, sequence); // which saves registers that would keep it
	save_keys(x.dk, sums.k, h, again, first + own, h.scale * kept, x.accumulate_k);
	save_keys(x.dv, sums.v, h, again, first + own, kept, x.accumulate_v);
}

template <int D, int M, int KEYS, int QUERIES, int KEPT, bool DROPS, bool BIASED>
DEVFN void attention_keys(const Gradients &x, const Heads &h, bf16 *shared) {
	Part p = part_of(h, blockIdx.y, blockIdx.z);
	int first = blockIdx.x * KEYS;
	if (first >= p.keys) return;
	Tiles<D, KEYS, QUERIES> t = tiles_in<D, KEYS, QUERIES>(shared);
	block_of_keys<D, M, KEYS, QUERIES, false, KEPT, DROPS, BIASED>(gradients_of(x, h, p), h, p, blockIdx.z, t, first);
}

template <int M, int KEYS, int KEPT, bool DROPS>
DEVFN void attention_gradient(const Gradients &x, const Heads &h, const Part &p, bf16 *shared) {
	Tiles<64, KEYS, 64> t = tiles_in<64, KEYS, 64>(shared);
	block_of_keys<64, M, KEYS, 64, true, KEPT, DROPS, false>(gradients_of(x, h, p), h, p, blockIdx.y, t, 0);
}

// dq, dk and dv, or += them; dk and dv may be null. For sequences of up to 128 keys, heads of up to 64, no bias. Grid:
// (heads, sequences).
KERNEL_OF(128, attention_gradient_bf16_64, bf16 *dq, bf16 *dk, bf16 *dv, const bf16 *dout, const float *terms,
	const bf16 *q, const bf16 *k, const bf16 *v, STRIDED_HEADS, int accumulate_q, int accumulate_k, int accumulate_v) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	Gradients x = {dq, dk, dv, dout, terms, q, k, v, accumulate_q, accumulate_k, accumulate_v};
	Part p = part_of(h, blockIdx.x, blockIdx.y);
	if (p.keys <= 64) {
		if (threshold) attention_gradient<1, 64, 8, true>(x, h, p, shared);
		else attention_gradient<1, 64, 8, false>(x, h, p, shared);
	} else {
		if (threshold) attention_gradient<2, 128, 0, true>(x, h, p, shared);
		else attention_gradient<2, 128, 0, false>(x, h, p, shared);
	}
}

// dk and dv, or += them; either may be null. For heads of up to 64. Grid: (⌈L/128⌉, heads, sequences).
KERNEL_OF(128, attention_keys_bf16_64, bf16 *dk, bf16 *dv, const bf16 *dout, const float *terms, const bf16 *q,
	const bf16 *k, const bf16 *v, STRIDED_HEADS, int accumulate_k, int accumulate_v) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	Gradients x = {nullptr, dk, dv, dout, terms, q, k, v, 0, accumulate_k, accumulate_v};
	if (bias) attention_keys<64, 2, 128, 64, 2, true, true>(x, h, shared);
	else if (threshold) attention_keys<64, 2, 128, 64, 2, true, false>(x, h, shared);
	else attention_keys<64, 2, 128, 64, 2, false, false>(x, h, shared);
}

// The same for heads of up to 128. Grid: (⌈L/64⌉, heads, sequences).
KERNEL_OF(128, attention_keys_bf16_128, bf16 *dk, bf16 *dv, const bf16 *dout, const float *terms, const bf16 *q,
	const bf16 *k, const bf16 *v, STRIDED_HEADS, int accumulate_k, int accumulate_v) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	Gradients x = {nullptr, dk, dv, dout, terms, q, k, v, 0, accumulate_k, accumulate_v};
	attention_keys<128, 1, 64, 32, 7, true, true>(x, h, shared);
}
