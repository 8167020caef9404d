// The gradients of attention in bf16, on tensor cores; the terms are those of attention_float.cu and attention_bf16.cu.
// With p the probabilities, m 1 where dropout keeps and 0 elsewhere, κ its factor, and
// ds(i, j) = p (m dout_i·v_j - delta_i/κ):
//
//   dq_i = scale κ Σ_j ds(i, j) k_j    dk_j = scale κ Σ_i ds(i, j) q_i    dv_j = κ Σ_i m p(i, j) dout_i
//
// m p and ds are rounded to bf16. A warp has some keys, for which it goes through the queries: what it computes of keys
// and queries are left factors of its next products as they are.
#include "attention_tiles.h"
#include "elements.h"

// Term is what the gradients need of a query and a head: log2 Σ exp(score), delta/κ and the hash for dropout, in 16
// bytes. That of a query which is not there is 0, and so are then its ds, as q and dout are.
struct Term {
	float lse, delta;
	uint64_t random;
};

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
	if (threshold) sum = sum / keep_scale;
	Words4 w = {
		__float_as_uint(lse[at] * LOG2E), __float_as_uint(sum), (unsigned)random, (unsigned)(random >> 32)};
	*words4_at(terms + 4 * (size_t)at) = w;
}

// Tiles are those of a block in shared memory: of keys k and v; of queries q, dout and the terms, twice: the next ones
// arrive while the present ones are used; and ds [KEYS, QUERIES].
template <int D, int KEYS, int QUERIES> struct Tiles {
	static const int OF_KEYS = KEYS * D * 2, OF_QUERIES = QUERIES * D * 2; // bytes
	Address k, v, q, dout, ds;
	const bf16 *terms;
};

template <int D, int KEYS, int QUERIES> DEVFN Tiles<D, KEYS, QUERIES> tiles_in(bf16 *shared) {
	typedef Tiles<D, KEYS, QUERIES> T;
	T t;
	t.k = address_of(shared), t.v = t.k + T::OF_KEYS, t.q = t.v + T::OF_KEYS, t.dout = t.q + 2 * T::OF_QUERIES;
	t.ds = t.dout + 2 * T::OF_QUERIES;
	t.terms = shared + 2 * KEYS * D + 4 * QUERIES * D + KEYS * QUERIES;
	return t;
}

template <class T> DEVFN Term term_at(const T &tiles, int at) {
	Words4 w = *words4_at(tiles.terms + 8 * at);
	Term t = {__uint_as_float(w[0]), __uint_as_float(w[1]), w[2] | (uint64_t)w[3] << 32};
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
			Term t = term_at(tiles, at + 8 * n + j);
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

// KeyFragments are the keys and values of a warp as left factors.
template <int D, int M> struct KeyFragments {
	Fragments<M, D / 16> k, v;
};

template <int D, int M> DEVFN void load_rows(Fragments<M, D / 16> &x, Address rows) {
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int i = 0; i < D / 16; i++) load_fragments(x.at[m][i], further<D>(left<D>(rows), m, i));
}

// multiply_queries makes the products of a warp's keys with 16 queries, s, and of the values with their gradients, dp.
template <bool CACHED, int D, int M, int KEYS, int QUERIES>
DEVFN void multiply_queries(Sums<M, 2> &s, Sums<M, 2> &dp, const Tiles<D, KEYS, QUERIES> &t, int turn, int part,
	const KeyFragments<D, M> &x, int own) {
	Address q = further<D>(t.q + turn * t.OF_QUERIES, part, 0), dout = further<D>(t.dout + turn * t.OF_QUERIES, part, 0);
	clear(s), clear(dp);
	multiply<D>(s, x.k, right<D>(q));
	if (CACHED) return multiply<D>(dp, x.v, right<D>(dout));
#pragma unroll
	for (int i = 0; i < D / 16; i++) {
		Fragments<M, 1> v;
		unsigned b[4];
		load_fragments(b, further<D>(right<D>(dout), 0, i));
#pragma unroll
		for (int m = 0; m < M; m++) load_fragments(v.at[m][0], further<D>(left<D>(t.v + own * D * 2), m, i));
		accumulate(dp, 0, v, 0, b);
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

// add_between adds to 16 rows what the blocks of keys before have left of them, and leaves the sums to the next one.
template <int N> DEVFN void add_between(float *sums, float (&s)[N][4], const Heads &h, const Part &p, int row, int column,
	bool before, bool after) {
#pragma unroll
	for (int half = 0; half < 2; half++) {
		int query = row + (lane() >> 2) + 8 * half;
		float *own = sums + (unsigned)query * (h.heads * h.size) + column + 2 * (lane() & 3);
#pragma unroll
		for (int n = 0; n < N; n++) {
			bool present = query < p.queries && column + 8 * n < h.size;
			Words2 *at = words2_at(own + 8 * n), pair = {0, 0};
			if (present && before) pair = *at;
			float *x = s[n] + 2 * half;
			x[0] += __uint_as_float(pair[0]), x[1] += __uint_as_float(pair[1]);
			pair[0] = __float_as_uint(x[0]), pair[1] = __float_as_uint(x[1]);
			if (present && after) *at = pair;
		}
	}
}

// add_sixteen adds what 16 keys give to the gradients of queries.
template <int D, int QUERIES, int R, int N> DEVFN void add_sixteen(Sums<R, N> &s, Address ds, Address k, int i) {
	Fragments<R, 1> a;
#pragma unroll
	for (int m = 0; m < R; m++) load_fragments_transposed(a.at[m][0], further<QUERIES>(ds, i, m));
	multiply_rows<D>(s, a, further<D>(k, i, 0));
}

// add_keys adds what the keys from `first` on give to the gradients of a tile of queries, which see less than `seen`
// keys. Between blocks of keys these are in `sums` [queries, heads·size]. A warp has half of the columns of its rows.
template <int D, int M, int KEYS, int QUERIES>
DEVFN void add_keys(bf16 *dq, float *sums, const Tiles<D, KEYS, QUERIES> &t, const Heads &h, const Part &p, int first,
	int seen, int from, float factor, int accumulate) {
	const int ROWS = QUERIES / (KEYS / 16 / M / 2), R = ROWS / 16;
	int row = warp() / 2 * ROWS, column = warp() % 2 * (D / 2);
	if (from + row >= p.queries) return;
	Sums<R, D / 16> s;
	clear(s);
	Address ds = further<QUERIES>(left_columns<QUERIES>(t.ds), 0, row / 16), k = further<D>(left<D>(t.k), 0, column / 16);
	if (first + KEYS <= seen) {
#pragma unroll
		for (int i = 0; i < KEYS / 16; i++) add_sixteen<D, QUERIES>(s, ds, k, i);
	} else {
		for (int i = 0; first + 16 * i < seen; i++) add_sixteen<D, QUERIES>(s, ds, k, i);
	}
	bool last = first + KEYS >= seen;
#pragma unroll
	for (int m = 0; m < R; m++) {
		add_between(sums, s.at[m], h, p, from + row + 16 * m, column, first > 0, !last);
		if (last)
			save(dq, h.stride, from + row + 16 * m, p.queries, column, h.size, s.at[m],
				factor, factor, accumulate);
	}
}

// Gradients are what a kernel computes, and from what: a head, from the first token of a sequence on.
struct Gradients {
	bf16 *dq, *dk, *dv;
	float *sums;
	const bf16 *dout;
	const float *terms;
	const bf16 *q, *k, *v;
	int accumulate_q, accumulate_k, accumulate_v;
};

// load_queries begins to copy a tile of the queries from `first` on.
template <int D, int THREADS, int KEYS, int QUERIES>
DEVFN void load_queries(
	const Tiles<D, KEYS, QUERIES> &t, int turn, const Gradients &x, const Heads &h, const Part &p, int first) {
	int wide = h.heads * h.size;
	load_tile<D, QUERIES, THREADS>(t.q + turn * t.OF_QUERIES, x.q, h.stride, first, p.queries, h.size);
	load_tile<D, QUERIES, THREADS>(t.dout + turn * t.OF_QUERIES, x.dout, wide, first, p.queries, h.size);
	int query = first + threadIdx.x;
	if (threadIdx.x < QUERIES)
		copy_async(address_of(t.terms) + (turn * QUERIES + threadIdx.x) * 16, x.terms + (unsigned)query * h.heads * 4,
			query < p.queries);
}

// block_of_keys makes the gradients of the keys from `first` on, and if WHOLE adds to those of the queries.
template <int D, int M, int KEYS, int QUERIES, bool WHOLE, bool CACHED, bool AHEAD, bool DROPS, bool BIASED>
DEVFN void block_of_keys(const Gradients &x, const Heads &h, const Part &p, const Tiles<D, KEYS, QUERIES> &t, int first) {
	const int THREADS = KEYS / 16 / M * 32;
	int begin = first < p.always ? 0 : first / QUERIES * QUERIES; // earlier queries see none of these keys
	int queries = first < p.limit ? p.queries : 0;                // no query does
	int own = warp() * 16 * M;
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
			KeyFragments<D, M> fragments;
			load_rows<D>(fragments.k, t.k + own * D * 2);
			if (CACHED) load_rows<D>(fragments.v, t.v + own * D * 2);
			Sums<M, 2> s[2], dp[2];
			if (AHEAD) {
				multiply_queries<CACHED>(s[0], dp[0], t, turn, 0, fragments, own);
#pragma unroll
				for (int part = 0; part < QUERIES / 16; part++) {
					if (part + 1 < QUERIES / 16) multiply_queries<CACHED>(s[part + 1 & 1], dp[part + 1 & 1], t, turn, part + 1, fragments, own);
					add_queries<WHOLE, DROPS, BIASED>(sums, s[part & 1], dp[part & 1], t, turn, part, h, p, first, own, from, hidden);
				}
			} else {
#pragma unroll 1
				for (int part = 0; part < QUERIES / 16 && from + 16 * part < queries; part++) {
					multiply_queries<CACHED>(s[0], dp[0], t, turn, part, fragments, own);
					add_queries<WHOLE, DROPS, BIASED>(sums, s[0], dp[0], t, turn, part, h, p, first, own, from, hidden);
				}
			}
		}
		if (!WHOLE) continue;
		__syncthreads();
		float factor = DROPS ? h.scale * h.dropout.scale : h.scale;
		add_keys<D, M>(x.dq, x.sums, t, h, p, first, seen, from, factor, x.accumulate_q);
	}
	float kept = DROPS ? h.dropout.scale : 1, factor = h.scale * kept;
#pragma unroll
	for (int m = 0; m < M; m++) {
		int row = first + own + 16 * m;
		if (x.dk) save(x.dk, h.key_stride, row, p.keys, 0, h.size, sums.k.at[m], factor, factor, x.accumulate_k);
		if (x.dv) save(x.dv, h.key_stride, row, p.keys, 0, h.size, sums.v.at[m], kept, kept, x.accumulate_v);
	}
}

DEVFN Gradients gradients_of(const Gradients &x, const Heads &h, const Part &p) {
	int wide = h.heads * h.size;
	Gradients own = x;
	own.dq = head_of(x.dq, h, p, h.stride, p.query), own.q = head_of(x.q, h, p, h.stride, p.query);
	own.dout = head_of(x.dout, h, p, wide, p.query), own.sums = head_of(x.sums, h, p, wide, p.query);
	own.terms = x.terms + ((size_t)p.query * h.heads + p.head) * 4;
	own.k = head_of(x.k, h, p, h.key_stride, p.key), own.v = head_of(x.v, h, p, h.key_stride, p.key);
	if (x.dk) own.dk = head_of(x.dk, h, p, h.key_stride, p.key);
	if (x.dv) own.dv = head_of(x.dv, h, p, h.key_stride, p.key);
	return own;
}

template <int D, int M, int KEYS, int QUERIES, bool CACHED, bool AHEAD, bool DROPS, bool BIASED>
DEVFN void attention_gradient(const Gradients &x, const Heads &h, bf16 *shared) {
	Part p = part_of(h, blockIdx.x, blockIdx.y);
	Gradients own = gradients_of(x, h, p);
	Tiles<D, KEYS, QUERIES> t = tiles_in<D, KEYS, QUERIES>(shared);
	for (int first = 0; first < p.keys; first += KEYS) {
		if (first > 0) __syncthreads(); // the tiles are used again
		block_of_keys<D, M, KEYS, QUERIES, true, CACHED, AHEAD, DROPS, BIASED>(own, h, p, t, first);
	}
}

#define GRADIENT_PARAMETERS \
	bf16 *dq, bf16 *dk, bf16 *dv, float *sums, const bf16 *dout, const float *terms, const bf16 *q, const bf16 *k, \
		const bf16 *v, STRIDED_HEADS, int accumulate_q, int accumulate_k, int accumulate_v
#define GRADIENTS {dq, dk, dv, sums, dout, terms, q, k, v, accumulate_q, accumulate_k, accumulate_v}

// dq, dk and dv, or += them; dk and dv may be null. sums [queries, heads·size] is scratch memory, not used without a
// sequence of more than 128 keys. For heads of up to 64. Grid: (heads, sequences).
KERNEL_OF(128, attention_gradient_bf16_64, GRADIENT_PARAMETERS) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	Gradients x = GRADIENTS;
	if (bias) attention_gradient<64, 1, 64, 64, false, false, true, true>(x, h, shared);
	else if (threshold) attention_gradient<64, 2, 128, 64, false, false, true, false>(x, h, shared);
	else attention_gradient<64, 2, 128, 64, false, false, false, false>(x, h, shared);
}

// The same for heads of up to 128, where sums is not used without a sequence of more than 64 keys. 
// Grid: (heads, sequences).
KERNEL_OF(128, attention_gradient_bf16_128, GRADIENT_PARAMETERS) {
	DYN_SHARED(bf16, shared);
	Heads h = STRIDED_HEADS_OF;
	Gradients x = GRADIENTS;
	attention_gradient<128, 1, 64, 32, false, false, true, true>(x, h, shared);
}
