// What all kernels of attention know: the heads of the sequences of a batch, and which keys a query sees.
#pragma once
#include "dropout.h"

// HEADS are the parameters of all kernels of attention, and HEADS_OF what they make. STRIDED_HEADS are those of kernels
// whose q, k and v, and their gradients, may be parts of wider rows.
#define HEADS \
	const int *starts, const int *key_starts, const int *rows, const int *prefix, const int *lengths, \
		const float *bias, int heads, int size, int max_length, float scale, DROPOUT, int causal
#define HEADS_OF \
	{ \
		starts, key_starts, rows, prefix, lengths, bias, heads, size, heads *size, heads *size, max_length, causal, scale, \
			DROPOUT_OF \
	}
#define STRIDED_HEADS \
	const int *starts, const int *key_starts, const int *rows, const int *prefix, const int *lengths, \
		const float *bias, int heads, int size, int stride, int key_stride, int max_length, float scale, DROPOUT, \
		int causal
#define STRIDED_HEADS_OF \
	{ \
		starts, key_starts, rows, prefix, lengths, bias, heads, size, stride, key_stride, max_length, causal, scale, \
			DROPOUT_OF \
	}

struct Heads {
	const int *starts, *key_starts; // [sequences+1]
	const int *rows;                // [queries], not read without dropout
	const int *prefix, *lengths;    // [sequences], may be null
	const float *bias;              // [heads, 2 max_length - 1], may be null
	int heads, size;
	int stride, key_stride; // elements from a row of q to the next, and of k and v
	int max_length, causal;
	float scale;
	Dropout dropout;
};

// Part is one head of one sequence.
struct Part {
	int head;
	int query, queries, key, keys; // first token, number of tokens
	int always, limit;             // query i sees the keys 0 to min(limit, max(always, i+1))-1
};

DEVFN Part part_of(const Heads &h, int head, int sequence) {
	Part p;
	p.head = head;
	p.query = h.starts[sequence], p.queries = h.starts[sequence + 1] - p.query;
	p.key = h.key_starts[sequence], p.keys = h.key_starts[sequence + 1] - p.key;
	p.limit = p.keys;
	if (h.lengths && h.lengths[sequence] > 0) p.limit = smaller(p.keys, h.lengths[sequence]);
	p.always = !h.causal ? p.limit : h.prefix ? h.prefix[sequence] : 0;
	return p;
}

DEVFN int visible(const Part &p, int query) { return smaller(p.limit, larger(p.always, query + 1)); }

// row_key is the dropout of a query's probabilities.
DEVFN uint64_t row_key(const Heads &h, const Part &p, int query) {
	if (!h.dropout.threshold || query >= p.queries) return 0;
	return dropout_row(h.dropout, (uint64_t)h.rows[p.query + query] * h.heads + p.head);
}

// biased is the product s of the factors of a query and a key with the position bias, if there is one.
DEVFN float biased(const Heads &h, const Part &p, int query, int key, float s) {
	if (h.bias && query < p.queries && key < p.keys)
		s += h.bias[(size_t)p.head * (2 * h.max_length - 1) + key - query + h.max_length - 1];
	return s;
}

// score is that of a query and a key whose factors have the product s.
DEVFN float score(const Heads &h, const Part &p, int query, int key, float s) {
	return biased(h, p, query, key, s) * h.scale;
}

// head_of is where a token of one head begins, in rows of so many elements.
template <class T> DEVFN T *head_of(T *x, const Heads &h, const Part &p, int stride, int token) {
	return x + (size_t)token * stride + p.head * h.size;
}
