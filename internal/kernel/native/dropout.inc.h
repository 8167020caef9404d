// Dropout, by the hash that package routine defines.
#ifndef UER_DROPOUT_INC_H
#define UER_DROPOUT_INC_H

#include "routines.h"
#include "vecmath.inc.h"

// dropout_row_key is the part of the hash that the columns of a row share.
INLINE uint64_t dropout_row_key(struct dropout d, int64_t row) {
	uint64_t z = (d.key ^ (uint64_t)row * 0xd1342543de82ef95u) + 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

// drop is dropout of the LANES elements from the given column of the row.
INLINE vfloat drop(vfloat x, struct dropout d, uint64_t row_key, size_t column) {
	vuint h = (((vuint)lane_numbers() + (uint32_t)column) ^ (uint32_t)row_key) * 0x7feb352du;
	h = (h ^ h >> 15 ^ (uint32_t)(row_key >> 32)) * 0x846ca68bu;
	return (vfloat)((vint)(x * d.scale) & (vint)(h >= d.threshold));
}

#endif
