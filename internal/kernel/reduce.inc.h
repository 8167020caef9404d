// Sums of columns and elements, and the smallest loops.
#ifndef UER_REDUCE_INC_H
#define UER_REDUCE_INC_H

#include "rows.h"
#include "vecmath.inc.h"

void NAME(add)(float *out, const float *a, const float *b, size_t n) {
	for (size_t i = 0; i < n; i += LANES) store_some(out + i, load_some(a + i, n - i) + load_some(b + i, n - i), n - i);
}

INLINE void scale_loop(float *out, const float *x, size_t n, float factor, int accumulate) {
	for (size_t i = 0; i < n; i += LANES) {
		vfloat v = load_some(x + i, n - i) * factor;
		store_some(out + i, accumulate ? load_some(out + i, n - i) + v : v, n - i);
	}
}

void NAME(scale)(float *out, const float *x, size_t n, float factor, int accumulate) {
	scale_loop(out, x, n, factor, accumulate);
}

// Four rows at a time: out is read and written a quarter as often.
void NAME(column_sum)(float *out, size_t width, const float *x, size_t rows, size_t stride, int accumulate) {
	if (!accumulate) memset(out, 0, width * sizeof(float));
	size_t r = 0;
	for (; r + 4 <= rows; r += 4) {
		const float *a = x + r * stride, *b = a + stride, *c = b + stride, *d = c + stride;
		for (size_t j = 0; j < width; j += LANES) {
			size_t left = width - j;
			vfloat v = load_some(out + j, left) + load_some(a + j, left);
			v = v + load_some(b + j, left) + load_some(c + j, left) + load_some(d + j, left);
			store_some(out + j, v, left);
		}
	}
	for (; r < rows; r++) NAME(add)(out, out, x + r * stride, width);
}

typedef float vhalf __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef double vdouble __attribute__((vector_size(VECTOR_BYTES)));

INLINE vdouble widen(const float *p) {
	vhalf v;
	memcpy(&v, p, sizeof v);
	return __builtin_convertvector(v, vdouble);
}

double NAME(sum_squares)(const float *x, size_t n) {
	vdouble sums[4] = {0};
	size_t i = 0;
	for (; i + 2 * LANES <= n; i += 2 * LANES)
		for (int k = 0; k < 4; k++) {
			vdouble v = widen(x + i + k * (LANES / 2));
			sums[k] += v * v;
		}
	vdouble pair = (sums[0] + sums[1]) + (sums[2] + sums[3]);
	double total = 0;
	for (int k = 0; k < LANES / 2; k++) total += pair[k];
	for (; i < n; i++) total += (double)x[i] * x[i];
	return total;
}

int NAME(all_finite)(const float *x, size_t n) {
	const vint exponent = (vint)splat(0) | 0x7f800000; // all its bits are set in infinities and NaN
	vint bad = {0};
	for (size_t i = 0; i < n; i += LANES) bad |= ((vint)load_some(x + i, n - i) & exponent) == exponent;
	for (int k = 0; k < LANES; k++)
		if (bad[k]) return 0;
	return 1;
}

#endif
