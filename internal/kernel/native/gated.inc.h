// The gradient of an activation, and products with an activated gate.
#ifndef UER_GATED_INC_H
#define UER_GATED_INC_H

#include "activation.inc.h"

INLINE void activation_backward_loop(const int kind, float *dx, const float *dy, const float *x, size_t n) {
	for (size_t i = 0; i < n; i += LANES) {
		vfloat slope;
		activate(kind, load_some(x + i, n - i), &slope);
		store_some(dx + i, load_some(dy + i, n - i) * slope, n - i);
	}
}

static void activation_backward(struct activation_backward a) {
	FOR_ACTIVATION(a.activation, activation_backward_loop, a.dx, a.dy, a.x, a.n)
}

INLINE void gated_forward_loop(const int kind, float *y, const float *gate, const float *x, size_t n) {
	for (size_t i = 0; i < n; i += LANES) {
		vfloat slope, value = activate(kind, load_some(gate + i, n - i), &slope);
		store_some(y + i, value * load_some(x + i, n - i), n - i);
	}
}

static void gated_forward(struct gated_forward a) {
	FOR_ACTIVATION(a.activation, gated_forward_loop, a.y, a.gate, a.x, a.n)
}

INLINE void gated_backward_loop(const int kind, float *dgate, float *dx, const float *dy, const float *gate,
                                const float *x, size_t n) {
	for (size_t i = 0; i < n; i += LANES) {
		size_t left = n - i;
		vfloat slope, value = activate(kind, load_some(gate + i, left), &slope);
		vfloat d = load_some(dy + i, left), factor = load_some(x + i, left);
		store_some(dgate + i, d * factor * slope, left);
		store_some(dx + i, d * value, left);
	}
}

static void gated_backward(struct gated_backward a) {
	FOR_ACTIVATION(a.activation, gated_backward_loop, a.dgate, a.dx, a.dy, a.gate, a.x, a.n)
}

#endif
