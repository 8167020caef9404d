// Dropout; the hash is defined in dropout.go.
#ifndef UER_DROPOUT_INC_H
#define UER_DROPOUT_INC_H

#include "rows.h"
#include "vecmath.inc.h"

// dropout_row_key is the part of the hash that the columns of a row share.
INLINE uint64_t dropout_row_key(uer_dropout d, int64_t row) {
	uint64_t z = (d.key ^ (uint64_t)row * 0xd1342543de82ef95u) + 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

// drop is dropout of the LANES elements from the given column of the row.
INLINE vfloat drop(vfloat x, uer_dropout d, uint64_t row_key, size_t column) {
	vuint h = (((vuint)lane_numbers() + (uint32_t)column) ^ (uint32_t)row_key) * 0x7feb352du;
	h = (h ^ h >> 15 ^ (uint32_t)(row_key >> 32)) * 0x846ca68bu;
	return (vfloat)((vint)(x * d.scale) & (vint)(h >= d.threshold));
}

// The flags are constants in each call, so that each combination gets its own loop.
INLINE void dropout_rows(const int dropping, const int adding, float *y, const float *x, const float *residual, size_t count,
                         size_t width, const int32_t *rows, uer_dropout d) {
	for (size_t r = 0; r < count; r++) {
		uint64_t key = dropping ? dropout_row_key(d, rows[r]) : 0;
		for (size_t j = 0; j < width; j += LANES) {
			size_t left = width - j, i = r * width + j;
			vfloat v = load_some(x + i, left);
			if (dropping) v = drop(v, d, key, j);
			if (adding) v += load_some(residual + i, left);
			store_some(y + i, v, left);
		}
	}
}

void NAME(dropout)(float *y, const float *x, const float *residual, size_t count, size_t width, const int32_t *rows, uer_dropout d) {
	if (d.threshold == 0) {
		count *= width, width = count, count = 1; // nothing depends on the rows
		if (residual) dropout_rows(0, 1, y, x, residual, count, width, rows, d);
		else dropout_rows(0, 0, y, x, residual, count, width, rows, d);
	} else {
		if (residual) dropout_rows(1, 1, y, x, residual, count, width, rows, d);
		else dropout_rows(1, 0, y, x, residual, count, width, rows, d);
	}
}

#endif
