// The updates of AdamW and of StableAdamW.
#ifndef UER_ADAMW_INC_H
#define UER_ADAMW_INC_H

#include "reduce.inc.h"
#include "routines.h"

// A core waits for memory here, with up to four streams to read. It reads them faster if it is told of them a kilobyte ahead.
#define ADAMW_AHEAD 256

// adamw_moments updates the moments m and v of the elements from i on, and returns their gradients.
INLINE vfloat adamw_moments(const struct adamw *a, size_t i, vfloat *m, vfloat *v) {
	size_t left = a->n - i;
	__builtin_prefetch(a->gradients + i + ADAMW_AHEAD);
	__builtin_prefetch(a->first + i + ADAMW_AHEAD);
	__builtin_prefetch(a->second + i + ADAMW_AHEAD);
	vfloat g = load_some(a->gradients + i, left) * a->gradient_scale;
	*m = load_some(a->first + i, left) * a->beta1 + g * a->rest1;
	*v = load_some(a->second + i, left) * a->beta2 + g * g * a->rest2;
	return g;
}

static void adamw(struct adamw a) {
	for (size_t i = 0; i < a.n; i += LANES) {
		size_t left = a.n - i;
		vfloat m, v;
		adamw_moments(&a, i, &m, &v);
		__builtin_prefetch(a.parameters + i + ADAMW_AHEAD);
		vfloat p = load_some(a.parameters + i, left) - a.rate * m / (square_root(v) + a.epsilon);
		store_some(a.first + i, m, left);
		store_some(a.second + i, v, left);
		store_some(a.parameters + i, p - a.decay * p, left);
	}
}

static double stable_moments(struct adamw a) {
	vdouble sums[2] = {0};
	for (size_t i = 0; i < a.n; i += LANES) {
		size_t left = a.n - i;
		vfloat m, v, g = adamw_moments(&a, i, &m, &v);
		store_some(a.first + i, m, left);
		store_some(a.second + i, v, left);
		float ratios[LANES]; // zero beyond the last element
		store(ratios, g * g / larger(v, splat(a.epsilon * a.epsilon)));
		for (int k = 0; k < 2; k++) sums[k] += load_doubles(ratios + k * (LANES / 2));
	}
	vdouble pair = sums[0] + sums[1];
	double total = 0;
	for (int k = 0; k < LANES / 2; k++) total += pair[k];
	return total;
}

static void stable_step(struct adamw a) {
	for (size_t i = 0; i < a.n; i += LANES) {
		size_t left = a.n - i;
		__builtin_prefetch(a.first + i + ADAMW_AHEAD);
		__builtin_prefetch(a.second + i + ADAMW_AHEAD);
		__builtin_prefetch(a.parameters + i + ADAMW_AHEAD);
		vfloat p = load_some(a.parameters + i, left);
		vfloat step = a.rate * load_some(a.first + i, left) / (square_root(load_some(a.second + i, left)) + a.epsilon);
		store_some(a.parameters + i, p - a.decay * p - step, left);
	}
}

#endif
