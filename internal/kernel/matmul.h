// The C routines of matrix products; matmul.inc.h defines them.
#ifndef UER_MATMUL_H
#define UER_MATMUL_H

#include <stddef.h>

#include "native.h"

UER_PROTOTYPES(int, tile_rows, (void))
UER_PROTOTYPES(int, tile_columns, (void))
UER_PROTOTYPES(void, pack, (float *panels, const float *x, size_t leading, int transpose, size_t depth, size_t count, size_t width))
UER_PROTOTYPES(void, multiply, (size_t rows, size_t columns, size_t depth, size_t height, const float *a, const float *b,
	float *c, size_t leading, int by_rows, int accumulate, const float *bias))
UER_PROTOTYPES(size_t, limit, (size_t rounds, float *sink))

static inline int uer_tile_rows(int set) { return UER_CALL(set, tile_rows, ()); }
static inline int uer_tile_columns(int set) { return UER_CALL(set, tile_columns, ()); }
static inline void uer_pack(int set, float *panels, const float *x, size_t leading, int transpose, size_t depth, size_t count,
	size_t width) {
	UER_CALL(set, pack, (panels, x, leading, transpose, depth, count, width));
}
static inline void uer_multiply(int set, size_t rows, size_t columns, size_t depth, size_t height, const float *a,
	const float *b, float *c, size_t leading, int by_rows, int accumulate, const float *bias) {
	UER_CALL(set, multiply, (rows, columns, depth, height, a, b, c, leading, by_rows, accumulate, bias));
}
static inline size_t uer_limit(int set, size_t rounds, float *sink) { return UER_CALL(set, limit, (rounds, sink)); }

#endif
