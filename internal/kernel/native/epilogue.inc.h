// What is applied to a tile of a product while it is in the cache.
#ifndef UER_EPILOGUE_INC_H
#define UER_EPILOGUE_INC_H

#include "activation.inc.h"
#include "dropout.inc.h"
#include "halves.inc.h"

// finish_rows applies to sums [rows, from_leading] of a tile what follows them, and stores them in C, of which they may be a
// part.
INLINE void finish_rows(const int kind, const struct multiply *t, size_t row, size_t column, size_t rows, size_t columns,
	const float *from, size_t from_leading) {
	for (size_t i = 0; i < rows; i++) {
		uint64_t key = t->row_numbers ? dropout_row_key(t->dropout, t->row_numbers[row + i]) : 0;
		for (size_t j = 0; j < columns; j += LANES) {
			size_t element = (row + i) * t->leading + column + j, left = columns - j;
			vfloat slope, value = load_some(from + i * from_leading + j, left);
			if (t->addend.at) value += load_array(t->addend, element, left);
			if (t->bias) value += load_some(t->bias + column + j, left);
			if (t->pre_activation.at && left < LANES) store_array(t->pre_activation, element, value, left);
			else if (t->pre_activation.half) stream_halves((uint16_t *)t->pre_activation.at + element, value);
			else if (t->pre_activation.at) stream((float *)t->pre_activation.at + element, value);
			value = activate(kind, value, &slope);
			if (t->row_numbers) value = drop(value, t->dropout, key, t->first_column + column + j);
			if (t->residual.at) value += load_array(t->residual, element, left);
			store_array(t->c, element, value, left);
		}
	}
}

static void finish_tile(const struct multiply *t, size_t row, size_t column, size_t rows, size_t columns, const float *from,
	size_t from_leading) {
	FOR_ACTIVATION(t->activation, finish_rows, t, row, column, rows, columns, from, from_leading)
}

// sums_stay tells whether nothing follows the sums of a C in float32.
INLINE int sums_stay(const struct multiply *t) {
	return !t->c.half && !t->addend.at && !t->bias && !t->pre_activation.at && t->activation == ACTIVATION_NONE && !t->row_numbers &&
		!t->residual.at;
}

#endif
