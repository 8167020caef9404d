// Dropout of a matrix, with a residual added.
#ifndef UER_DROPOUT_ADD_INC_H
#define UER_DROPOUT_ADD_INC_H

#include "dropout.inc.h"

// The flags are constants in each call, so that each combination gets a loop of its own.
INLINE void dropout_rows(const int dropping, const int adding, float *y, const float *x, const float *residual, size_t count,
                         size_t width, const int32_t *rows, struct dropout d) {
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

static void dropout_add(struct dropout_add a) {
	size_t count = a.count, width = a.width;
	if (a.dropout.threshold == 0) {
		count *= width, width = count, count = 1; // nothing depends on the rows
		if (a.residual) dropout_rows(0, 1, a.y, a.x, a.residual, count, width, a.rows, a.dropout);
		else dropout_rows(0, 0, a.y, a.x, a.residual, count, width, a.rows, a.dropout);
	} else {
		if (a.residual) dropout_rows(1, 1, a.y, a.x, a.residual, count, width, a.rows, a.dropout);
		else dropout_rows(1, 0, a.y, a.x, a.residual, count, width, a.rows, a.dropout);
	}
}

#endif
