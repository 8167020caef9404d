// Sums and multiples of elements, and their types.
#ifndef UER_ELEMENTWISE_INC_H
#define UER_ELEMENTWISE_INC_H

#include "halves.inc.h"

INLINE void add_loop(float *out, const float *a, const float *b, size_t n) {
	for (size_t i = 0; i < n; i += LANES) store_some(out + i, load_some(a + i, n - i) + load_some(b + i, n - i), n - i);
}

static void add(struct add a) { add_loop(a.out, a.a, a.b, a.n); }

INLINE void scale_loop(float *out, const float *x, size_t n, float factor, int accumulate) {
	for (size_t i = 0; i < n; i += LANES) {
		vfloat v = load_some(x + i, n - i) * factor;
		store_some(out + i, accumulate ? load_some(out + i, n - i) + v : v, n - i);
	}
}

static void scale(struct scale a) { scale_loop(a.out, a.x, a.n, a.factor, a.accumulate); }

static void widen(struct widen w) {
	for (size_t r = 0; r < w.rows; r++, w.to += w.to_stride, w.x += w.stride)
		for (size_t j = 0; j < w.width; j += LANES) store_some(w.to + j, load_halves(w.x + j, w.width - j), w.width - j);
}

static void narrow(struct narrow w) {
	for (size_t r = 0; r < w.rows; r++, w.to += w.to_stride, w.x += w.stride)
		for (size_t j = 0; j < w.width; j += LANES) {
			vfloat v = load_some(w.x + j, w.width - j);
			if (w.accumulate) v += load_halves(w.to + j, w.width - j);
			store_halves(w.to + j, v, w.width - j);
		}
}

#endif
