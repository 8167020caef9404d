// The gradient of an activation, and products with an activated gate.
#ifndef UER_GATED_INC_H
#define UER_GATED_INC_H

#include "activation.inc.h"
#include "halves.inc.h"

INLINE void activation_backward_loop(const int kind, const int half, struct activation_backward a) {
	struct array dx = as_half(half, a.dx), dy = as_half(half, a.dy), x = as_half(half, a.x);
	for (size_t i = 0; i < a.n; i += LANES) {
		size_t left = a.n - i;
		vfloat slope;
		activate(kind, load_array(x, i, left), &slope);
		store_array(dx, i, load_array(dy, i, left) * slope, left);
	}
}

static void activation_backward(struct activation_backward a) {
	if (a.x.half) FOR_ACTIVATION(a.activation, activation_backward_loop, 1, a)
	else FOR_ACTIVATION(a.activation, activation_backward_loop, 0, a)
}

INLINE void gated_forward_loop(const int kind, const int half, struct gated_forward a) {
	struct array y = as_half(half, a.y), gate = as_half(half, a.gate), x = as_half(half, a.x);
	for (size_t i = 0; i < a.n; i += LANES) {
		size_t left = a.n - i;
		vfloat slope, value = activate(kind, load_array(gate, i, left), &slope);
		store_array(y, i, value * load_array(x, i, left), left);
	}
}

static void gated_forward(struct gated_forward a) {
	if (a.x.half) FOR_ACTIVATION(a.activation, gated_forward_loop, 1, a)
	else FOR_ACTIVATION(a.activation, gated_forward_loop, 0, a)
}

INLINE void gated_backward_loop(const int kind, const int half, struct gated_backward a) {
	struct array dgate = as_half(half, a.dgate), dx = as_half(half, a.dx), dy = as_half(half, a.dy);
	struct array gate = as_half(half, a.gate), x = as_half(half, a.x);
	for (size_t i = 0; i < a.n; i += LANES) {
		size_t left = a.n - i;
		vfloat slope, value = activate(kind, load_array(gate, i, left), &slope);
		vfloat d = load_array(dy, i, left), factor = load_array(x, i, left);
		store_array(dgate, i, d * factor * slope, left);
		store_array(dx, i, d * value, left);
	}
}

static void gated_backward(struct gated_backward a) {
	if (a.x.half) FOR_ACTIVATION(a.activation, gated_backward_loop, 1, a)
	else FOR_ACTIVATION(a.activation, gated_backward_loop, 0, a)
}

#endif
