// Sums of columns and of elements.
#ifndef UER_REDUCE_INC_H
#define UER_REDUCE_INC_H

#include "elementwise.inc.h"

// Four rows at a time: out is read and written a quarter as often.
INLINE void column_sum_stored(const int half, const struct column_sum *a) {
	size_t r = 0;
	for (; r + 4 <= a->rows; r += 4) {
		struct array row0 = array_at(as_half(half, a->x), r * a->stride), row1 = array_at(row0, a->stride);
		struct array row2 = array_at(row1, a->stride), row3 = array_at(row2, a->stride);
		for (size_t j = 0; j < a->width; j += LANES) {
			size_t left = a->width - j;
			vfloat v = load_some(a->out + j, left) + load_array(row0, j, left);
			v = v + load_array(row1, j, left) + load_array(row2, j, left) + load_array(row3, j, left);
			store_some(a->out + j, v, left);
		}
	}
	for (; r < a->rows; r++) {
		struct array row = array_at(as_half(half, a->x), r * a->stride);
		for (size_t j = 0; j < a->width; j += LANES) {
			size_t left = a->width - j;
			store_some(a->out + j, load_some(a->out + j, left) + load_array(row, j, left), left);
		}
	}
}

static void column_sum(struct column_sum a) {
	if (!a.accumulate) memset(a.out, 0, a.width * sizeof(float));
	if (a.x.half) column_sum_stored(1, &a);
	else column_sum_stored(0, &a);
}

typedef float vhalf __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef double vdouble __attribute__((vector_size(VECTOR_BYTES)));

INLINE vdouble load_doubles(const float *p) {
	vhalf v;
	memcpy(&v, p, sizeof v);
	return __builtin_convertvector(v, vdouble);
}

// A core reads gradients from memory faster if it is told of them four kilobytes ahead.
#define SQUARES_AHEAD 1024

static double sum_squares(struct elements e) {
	const float *x = e.x;
	const size_t n = e.n;
	vdouble sums[4] = {0};
	size_t i = 0;
	for (; i + 2 * LANES <= n; i += 2 * LANES) {
		__builtin_prefetch(x + i + SQUARES_AHEAD);
		__builtin_prefetch(x + i + LANES + SQUARES_AHEAD);
		for (int k = 0; k < 4; k++) {
			vdouble v = load_doubles(x + i + k * (LANES / 2));
			sums[k] += v * v;
		}
	}
	vdouble pair = (sums[0] + sums[1]) + (sums[2] + sums[3]);
	double total = 0;
	for (int k = 0; k < LANES / 2; k++) total += pair[k];
	for (; i < n; i++) total += (double)x[i] * x[i];
	return total;
}

static int all_finite(struct elements e) {
	const vint exponent = (vint)splat(0) | 0x7f800000; // all its bits are set in infinities and NaN
	vint bad = {0};
	for (size_t i = 0; i < e.n; i += LANES) bad |= ((vint)load_some(e.x + i, e.n - i) & exponent) == exponent;
	for (int k = 0; k < LANES; k++)
		if (bad[k]) return 0;
	return 1;
}

#endif
