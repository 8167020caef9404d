// The C routines of matrix products; matmul.inc.h defines them.
#ifndef UER_MATMUL_H
#define UER_MATMUL_H

#include <stddef.h>

#include "rows.h"

// uer_block is productTile: C = dropout(activation(A B + bias)) + residual, with C added to the sum if accumulate.
typedef struct {
	size_t rows, columns, depth, height, stride;
	const float *a, *b; // panels [depth, stride], of which height rows count, and [depth, columns of a register tile]
	float *c;
	size_t leading; // of C, before and residual
	int by_rows, accumulate, activation;
	const float *bias; // or NULL
	float *before;     // or NULL
	uer_dropout dropout;
	const int32_t *numbers; // of the rows for dropout; NULL if nothing is dropped
	size_t first_column;    // of C, among the columns of the whole
	const float *residual;  // or NULL
} uer_block;

// uer_matmul is matmulRoutines.
typedef struct {
	int rows, columns, slot;
	void (*pack)(float *panels, const float *x, size_t leading, int transpose, size_t depth, size_t count, size_t width,
		size_t stride);
	void (*multiply)(uer_block t);
	size_t (*limit)(size_t rounds, float *sink);
} uer_matmul;

#if defined(__x86_64__)
extern const uer_matmul uer_matmul_avx512, uer_matmul_avx512bf16, uer_matmul_avx2;
#endif
extern const uer_matmul uer_matmul_baseline;

static inline const uer_matmul *uer_matmul_for(int set) {
#if defined(__x86_64__)
	if (set == UER_AVX512) return &uer_matmul_avx512;
	if (set == UER_AVX2) return &uer_matmul_avx2;
#endif
	return &uer_matmul_baseline;
}

// uer_matmul_bf16 takes factors in bfloat16; NULL where no instruction set does.
static inline const uer_matmul *uer_matmul_bf16(void) {
#if defined(__x86_64__)
	return &uer_matmul_avx512bf16;
#else
	return NULL;
#endif
}

static inline void uer_matmul_pack(const uer_matmul *m, float *panels, const float *x, size_t leading, int transpose,
	size_t depth, size_t count, size_t width, size_t stride) {
	m->pack(panels, x, leading, transpose, depth, count, width, stride);
}
static inline void uer_matmul_multiply(const uer_matmul *m, uer_block t) { m->multiply(t); }
static inline size_t uer_matmul_limit(const uer_matmul *m, size_t rounds, float *sink) { return m->limit(rounds, sink); }

#endif
