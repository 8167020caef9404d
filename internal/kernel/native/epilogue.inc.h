// What is applied to a tile of a product while it is in the cache.
#ifndef UER_EPILOGUE_INC_H
#define UER_EPILOGUE_INC_H

#include "activation.inc.h"
#include "dropout.inc.h"
#include "routines.h"

// store_sums adds to sums [rows, from_leading] of a tile what is in C and the bias, and stores them in C. The sums may be in C.
INLINE void store_sums(const struct multiply *t, size_t row, size_t column, size_t rows, size_t columns, const float *from,
	size_t from_leading) {
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < columns; j += LANES) {
			float *element = t->c + (row + i) * t->leading + column + j;
			vfloat sum = load_some(from + i * from_leading + j, columns - j);
			if (t->accumulate) sum += load_some(element, columns - j);
			if (t->bias) sum += load_some(t->bias + column + j, columns - j);
			store_some(element, sum, columns - j);
		}
}

// activate_tile applies an activation to the part of C that a register tile covers.
INLINE void activate_tile(const int kind, float *c, float *pre_activation, size_t leading, size_t rows, size_t columns) {
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < columns; j += LANES) {
			size_t element = i * leading + j;
			vfloat slope, value = load_some(c + element, columns - j);
			if (pre_activation && columns - j >= LANES)
				stream(pre_activation + element, value);
			else if (pre_activation)
				store_part(pre_activation + element, value, columns - j);
			store_some(c + element, activate(kind, value, &slope), columns - j);
		}
}

// residual_tile applies dropout and adds the residual to the part of C that a register tile covers.
static void residual_tile(const struct multiply *t, size_t row, size_t column, size_t rows, size_t columns) {
	for (size_t i = 0; i < rows; i++) {
		size_t element = (row + i) * t->leading + column;
		uint64_t key = t->row_numbers ? dropout_row_key(t->dropout, t->row_numbers[row + i]) : 0;
		for (size_t j = 0; j < columns; j += LANES) {
			vfloat value = load_some(t->c + element + j, columns - j);
			if (t->row_numbers) value = drop(value, t->dropout, key, t->first_column + column + j);
			if (t->residual) value += load_some(t->residual + element + j, columns - j);
			store_some(t->c + element + j, value, columns - j);
		}
	}
}

// finish_tile applies to the sums in C what follows them.
static void finish_tile(const struct multiply *t, size_t row, size_t column, size_t rows, size_t columns) {
	float *c = t->c + row * t->leading + column;
	float *pre_activation = t->pre_activation ? t->pre_activation + row * t->leading + column : NULL;
	if (t->activation != ACTIVATION_NONE) FOR_ACTIVATION(t->activation, activate_tile, c, pre_activation, t->leading, rows, columns)
	if (t->row_numbers || t->residual) residual_tile(t, row, column, rows, columns);
}

#endif
