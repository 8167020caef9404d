// Sums and multiples of elements.
#ifndef UER_ELEMENTWISE_INC_H
#define UER_ELEMENTWISE_INC_H

#include "routines.h"
#include "vecmath.inc.h"

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

#endif
