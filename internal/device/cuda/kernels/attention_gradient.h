// What the kernels of the gradients of attention on tensor cores share.
#pragma once
#include "attention_tiles.h"

// Term is what the gradients need of a query and a head: log2 Σ exp(score), delta/κ and the hash for dropout, in 16
// bytes. That of a query which is not there is 0, and so are then its ds, as q and dout are.
struct Term {
	float lse, delta;
	uint64_t random;
};

DEVFN Term term_of(const Words4 &w) {
	Term t = {__uint_as_float(w[0]), __uint_as_float(w[1]), w[2] | (uint64_t)w[3] << 32};
	return t;
}

// Gradients are what a kernel computes, and from what: a head, from the first token of a sequence on.
struct Gradients {
	bf16 *dq, *dk, *dv;
	const bf16 *dout;
	const float *terms;
	const bf16 *q, *k, *v;
	int accumulate_q, accumulate_k, accumulate_v;
};

// gradients_of is for one head of one sequence.
DEVFN Gradients gradients_of(const Gradients &x, const Heads &h, const Part &p) {
	int wide = h.heads * h.size;
	Gradients own = x;
	own.q = head_of(x.q, h, p, h.stride, p.query);
	if (x.dq) own.dq = head_of(x.dq, h, p, h.stride, p.query);
	own.dout = head_of(x.dout, h, p, wide, p.query);
	own.terms = x.terms + ((size_t)p.query * h.heads + p.head) * 4;
	own.k = head_of(x.k, h, p, h.key_stride, p.key), own.v = head_of(x.v, h, p, h.key_stride, p.key);
	return own;
}

// Pair are the left factors of a warp whose products with the rows of two tiles make scores and their gradients: keys
// and values, or queries and the gradients of their results.
template <int D, int M> struct Pair {
	Fragments<M, D / 16> first, second;
};

// load_rows loads rows of a tile as a left factor, of which the first KEPT fragments are wanted.
template <int D, int KEPT = D / 16, int M> DEVFN void load_rows(Fragments<M, D / 16> &x, Address rows) {
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int i = 0; i < D / 16 && i < KEPT; i++) load_fragments(x.at[m][i], further<D>(left<D>(rows), m, i));
}
