// Rows of tables, taken and added to by number.
#ifndef UER_EMBEDDING_INC_H
#define UER_EMBEDDING_INC_H

#include "rows.h"
#include "reduce.inc.h"

void NAME(gather)(float *out, const float *table, size_t width, const int32_t *ids, size_t n, float scale, int accumulate) {
	for (size_t i = 0; i < n; i++) scale_loop(out + i * width, table + (size_t)ids[i] * width, width, scale, accumulate);
}

void NAME(scatter)(float *table, size_t width, const int32_t *ids, size_t n, const float *x, float scale, size_t first, size_t last) {
	for (size_t i = 0; i < n; i++)
		scale_loop(table + (size_t)ids[i] * width + first, x + i * width + first, last - first, scale, 1);
}

#endif
