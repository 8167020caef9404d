// One step of some units of a recurrent layer; the fields are those of recurrentStep in recurrent.go.
#ifndef UER_RECURRENT_H
#define UER_RECURRENT_H

#include <stddef.h>
#include <stdint.h>

#include "native.h"

// As the constants of type Cell.
enum { CELL_TANH, CELL_LSTM, CELL_GRU };

struct uer_recurrent {
	int cell;
	size_t hidden, first, units;
	size_t rows;
	const int32_t *tokens;
	ptrdiff_t previous;
	int start;
	const float *packed, *bias;
	float *gates;
	size_t gate_stride;
	float *extra, *y;
	size_t stride;
	const float *before;
	float *after;
	size_t carried;
	const float *next;
	float *now, *memory;
	const float *dy;
	float *dgates, *dextra;
};

UER_PROTOTYPES(void, recurrent_pack_forward, (float *packed, const float *weights, int cell, size_t hidden, size_t first, size_t units))
UER_PROTOTYPES(void, recurrent_pack_backward, (float *packed, const float *weights, int cell, size_t hidden, size_t first, size_t units))
UER_PROTOTYPES(void, recurrent_forward, (struct uer_recurrent t))
UER_PROTOTYPES(void, recurrent_backward, (struct uer_recurrent t))

#endif
