// Parameter updates; the formulas are in update.go.
#ifndef UER_UPDATE_INC_H
#define UER_UPDATE_INC_H

#include "rows.h"
#include "vecmath.inc.h"

void NAME(adamw)(uer_adamw a, float *parameters, const float *gradients, float *first, float *second, size_t n) {
	for (size_t i = 0; i < n; i += LANES) {
		size_t left = n - i;
		vfloat g = load_some(gradients + i, left) * a.gradient_scale;
		vfloat m = load_some(first + i, left) * a.beta1 + g * a.rest1;
		vfloat v = load_some(second + i, left) * a.beta2 + g * g * a.rest2;
		vfloat p = load_some(parameters + i, left) - a.rate * m / (square_root(v) + a.epsilon);
		store_some(first + i, m, left);
		store_some(second + i, v, left);
		store_some(parameters + i, p - a.decay * p, left);
	}
}

#endif
