// The C routines of matrix products; matmul.inc.h defines them.
#ifndef UER_MATMUL_H
#define UER_MATMUL_H

#include <stddef.h>

#include "native.h"

// uer_block is productTile: C = activation(A B + bias), with C added to the sum if accumulate.
typedef struct {
	size_t rows, columns, depth, height;
	const float *a, *b; // panels [depth, height], and [depth, columns of a register tile]
	float *c;
	size_t leading; // of C and before
	int by_rows, accumulate, activation;
	const float *bias; // or NULL
	float *before;     // or NULL
} uer_block;

UER_PROTOTYPES(int, tile_rows, (void))
UER_PROTOTYPES(int, tile_columns, (void))
UER_PROTOTYPES(void, pack, (float *panels, const float *x, size_t leading, int transpose, size_t depth, size_t count, size_t width))
UER_PROTOTYPES(void, multiply, (uer_block t))
UER_PROTOTYPES(size_t, limit, (size_t rounds, float *sink))

static inline int uer_tile_rows(int set) { return UER_CALL(set, tile_rows, ()); }
static inline int uer_tile_columns(int set) { return UER_CALL(set, tile_columns, ()); }
static inline void uer_pack(int set, float *panels, const float *x, size_t leading, int transpose, size_t depth, size_t count,
	size_t width) {
	UER_CALL(set, pack, (panels, x, leading, transpose, depth, count, width));
}
static inline void uer_multiply(int set, uer_block t) { UER_CALL(set, multiply, (t)); }
static inline size_t uer_limit(int set, size_t rounds, float *sink) { return UER_CALL(set, limit, (rounds, sink)); }

#endif
