// Steps of the gradients of recurrent layers, from the last step to the first; the terms are those of recurrent.cu.
// dgates are the gradients of a, and those of s but for gate n of a gru, whose s_n is the gradient of b, in dextra.
// dgates [directions, tokens, G·hidden]; dextra [directions, tokens, hidden]; carry [directions, sequences, hidden] is
// what reaches a row's state, or c, from the step after it other than through the weights: steps hand it on, and none
// reads what was there before the first.
#include "recurrent.h"

// fetch_weights reads lines from `from` on of the weights of one gate, at the columns of the block's units: four
// columns of one line.
DEVFN Four fetch_weights(const float *weight, int hidden, int from) {
	int line = from + threadIdx.x / 2, unit = blockIdx.x * UNITS + threadIdx.x % 2 * 4;
	if (line >= hidden || unit >= hidden) return all_four(0);
	return read4(weight + (size_t)line * hidden + unit, hidden - unit);
}

// gradient_products is Wᵀ ds of the step after, for a thread's unit and row.
template <int CELL> DEVFN float gradient_products(const float *dgates, const float *dextra, const float *weight,
	const Step &s, int carried, int direction, float *rows, float *weights) {
	const int GATES = gates_of<CELL>();
	int tokens[COPIES], parts = (s.hidden + DEPTH - 1) / DEPTH; // of each gate
	Four fetched[COPIES], lines = all_four(0);
	find_tokens(tokens, s, carried, direction, direction == 0 ? 1 : -1);
	float sum[1] = {0};
	for (int i = -1; i < GATES * parts; i++) { // what comes next is read while products are computed
		if (i >= 0) {
#pragma unroll
			for (int c = 0; c < COPIES; c++) store4(rows + copy_line(c) * LINE + copy_column(c), fetched[c]);
			for (int j = 0; j < 4; j++) weights[(threadIdx.x % 2 * 4 + j) * LINE + threadIdx.x / 2] = lines.at[j];
			__syncthreads();
		}
		int gate = (i + 1) / parts, from = (i + 1) % parts * DEPTH;
		if (gate < GATES) {
			if (CELL == GRU_CELL && gate == 2) fetch_rows(fetched, dextra, tokens, s.hidden, from, s.hidden);
			else fetch_rows(fetched, dgates + gate * s.hidden, tokens, GATES * s.hidden, from, s.hidden);
			lines = fetch_weights(weight + (size_t)gate * s.hidden * s.hidden, s.hidden, from);
		}
		if (i >= 0) {
			add_products(sum, rows + threadIdx.x / UNITS * LINE, weights + threadIdx.x % UNITS * LINE, 0, DEPTH);
			__syncthreads();
		}
	}
	return sum[0];
}

template <int CELL> DEVFN void recurrent_gradient(float *dgates, float *dextra, float *carry, const float *dy,
	const float *y, const float *gates, const float *extra, const float *weight, const Step &s, int sequences,
	int carried, float *rows, float *weights) {
	const int GATES = gates_of<CELL>();
	int direction = blockIdx.z, row = own_row(), unit = own_unit(), hidden = s.hidden;
	size_t begin = (size_t)direction * s.tokens; // of the direction's rows
	dgates += begin * GATES * hidden, gates += begin * GATES * hidden, dextra += begin * hidden,
		extra += begin * hidden;
	float dh = 0;
	if (carried > 0) dh = gradient_products<CELL>(dgates, dextra, weight, s, carried, direction, rows, weights);
	if (row >= s.alive || unit >= hidden) return;
	int token = token_of(s, row, direction), before = token + (direction == 0 ? -1 : 1), width = s.directions * hidden,
		column = direction * hidden + unit;
	dh += dy[(size_t)token * width + column];
	carry += ((size_t)direction * sequences + row) * hidden + unit;
	float memory = CELL != TANH_CELL && row < carried ? *carry : 0;
	const float *a = gates + (size_t)token * GATES * hidden + unit; // one gate is `hidden` from the next
	float *d = dgates + (size_t)token * GATES * hidden + unit;
	if (CELL == TANH_CELL) {
		float h = y[(size_t)token * width + column];
		d[0] = dh * (1 - h * h);
	} else if (CELL == LSTM_CELL) {
		float i = a[0], f = a[hidden], g = a[2 * hidden], o = a[3 * hidden],
			  t = tanh32(extra[(size_t)token * hidden + unit]);
		float c = s.step > 0 ? extra[(size_t)before * hidden + unit] : 0, dc = memory + dh * o * (1 - t * t);
		d[0] = dc * g * i * (1 - i), d[hidden] = dc * c * f * (1 - f), d[2 * hidden] = dc * i * (1 - g * g),
		d[3 * hidden] = dh * t * o * (1 - o);
		*carry = dc * f;
	} else {
		float r = a[0], z = a[hidden], n = a[2 * hidden], b = extra[(size_t)token * hidden + unit];
		float h = s.step > 0 ? y[(size_t)before * width + column] : 0;
		dh += memory;
		float dn = dh * (1 - z) * (1 - n * n);
		d[0] = dn * b * r * (1 - r), d[hidden] = dh * (h - n) * z * (1 - z), d[2 * hidden] = dn;
		dextra[(size_t)token * hidden + unit] = dn * r;
		*carry = dh * z;
	}
}

#define GRADIENT_TILES SHARED_FLOATS(rows[ROWS * LINE], weights[UNITS * LINE])

// The first `carried` rows have a step after this one. carried is 0 at the last step. Grid: (⌈hidden/8⌉, ⌈alive/32⌉,
// directions).
KERNEL_OF(THREADS, recurrent_tanh_gradient_float, float *dgates, const float *dy, const float *y, const float *weight0,
	const float *weight1, STEP, int carried) {
	GRADIENT_TILES;
	Step s = STEP_OF;
	recurrent_gradient<TANH_CELL>(
		dgates, 0, 0, dy, y, 0, 0, blockIdx.z == 0 ? weight0 : weight1, s, 0, carried, rows, weights);
}

// As recurrent_tanh_gradient_float. Grid: (⌈hidden/8⌉, ⌈alive/32⌉, directions).
KERNEL_OF(THREADS, recurrent_lstm_gradient_float, float *dgates, float *carry, const float *dy, const float *gates,
	const float *extra, const float *weight0, const float *weight1, STEP, int sequences, int carried) {
	GRADIENT_TILES;
	Step s = STEP_OF;
	recurrent_gradient<LSTM_CELL>(dgates, 0, carry, dy, 0, gates, extra, blockIdx.z == 0 ? weight0 : weight1, s,
		sequences, carried, rows, weights);
}

// As recurrent_tanh_gradient_float. Grid: (⌈hidden/8⌉, ⌈alive/32⌉, directions).
KERNEL_OF(THREADS, recurrent_gru_gradient_float, float *dgates, float *dextra, float *carry, const float *dy,
	const float *y, const float *gates, const float *extra, const float *weight0, const float *weight1, STEP,
	int sequences, int carried) {
	GRADIENT_TILES;
	Step s = STEP_OF;
	recurrent_gradient<GRU_CELL>(dgates, dextra, carry, dy, y, gates, extra, blockIdx.z == 0 ? weight0 : weight1, s,
		sequences, carried, rows, weights);
}
