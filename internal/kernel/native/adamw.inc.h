// The update of AdamW.
#ifndef UER_ADAMW_INC_H
#define UER_ADAMW_INC_H

#include "routines.h"
#include "vecmath.inc.h"

// A core waits for memory here, with four streams to read. It reads them faster if it is told of them a kilobyte ahead.
#define ADAMW_AHEAD 256

static void adamw(struct adamw a) {
	for (size_t i = 0; i < a.n; i += LANES) {
		size_t left = a.n - i;
		__builtin_prefetch(a.gradients + i + ADAMW_AHEAD);
		__builtin_prefetch(a.first + i + ADAMW_AHEAD);
		__builtin_prefetch(a.second + i + ADAMW_AHEAD);
		__builtin_prefetch(a.parameters + i + ADAMW_AHEAD);
		vfloat g = load_some(a.gradients + i, left) * a.gradient_scale;
		vfloat m = load_some(a.first + i, left) * a.beta1 + g * a.rest1;
		vfloat v = load_some(a.second + i, left) * a.beta2 + g * g * a.rest2;
		vfloat p = load_some(a.parameters + i, left) - a.rate * m / (square_root(v) + a.epsilon);
		store_some(a.first + i, m, left);
		store_some(a.second + i, v, left);
		store_some(a.parameters + i, p - a.decay * p, left);
	}
}

#endif
