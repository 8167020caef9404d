// Dropout of a matrix, with a residual added.
#ifndef UER_DROPOUT_ADD_INC_H
#define UER_DROPOUT_ADD_INC_H

#include "dropout.inc.h"
#include "halves.inc.h"

// The flags are constants in each call, so that each combination gets a loop of its own.
INLINE void dropout_rows(const int half, const int dropping, const int adding, const struct dropout_add *a) {
	struct array y = as_half(half, a->y), x = as_half(half, a->x), residual = as_half(half, a->residual);
	for (size_t r = 0; r < a->count; r++) {
		uint64_t key = dropping ? dropout_row_key(a->dropout, a->rows[r]) : 0;
		for (size_t j = 0; j < a->width; j += LANES) {
			size_t left = a->width - j, i = r * a->width + j;
			vfloat v = load_array(x, i, left);
			if (dropping) v = drop(v, a->dropout, key, j);
			if (adding) v += load_array(residual, i, left);
			store_array(y, i, v, left);
		}
	}
}

INLINE void dropout_stored(const int half, const struct dropout_add *a) {
	if (a->dropout.threshold && a->residual.at) dropout_rows(half, 1, 1, a);
	else if (a->dropout.threshold) dropout_rows(half, 1, 0, a);
	else if (a->residual.at) dropout_rows(half, 0, 1, a);
	else dropout_rows(half, 0, 0, a);
}

static void dropout_add(struct dropout_add a) {
	if (a.dropout.threshold == 0) a.width *= a.count, a.count = 1; // nothing depends on the rows
	if (a.x.half) dropout_stored(1, &a);
	else dropout_stored(0, &a);
}

#endif
