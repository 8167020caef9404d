// Activation functions, as package routine defines them.
#ifndef UER_ACTIVATION_INC_H
#define UER_ACTIVATION_INC_H

#include "routines.h"
#include "vecmath.inc.h"

// activate is a(x), with a'(x) in slope. Where the kind is a constant and the slope is not used, nothing else is computed.
INLINE vfloat activate(int kind, vfloat x, vfloat *slope) {
	vfloat exponential, tail, s, s_slope;
	switch (kind) {
	case ACTIVATION_GELU:
		tail = vector_normal(x, &exponential);
		*slope = multiply_add(x * 0.3989422804f, exponential, select_lanes(x < 0.0f, tail, 1.0f - tail));
		return larger(splat(0), x) - magnitude(x) * tail;
	case ACTIVATION_GELU_FAST: {
		const float root = 1.5957691216f; // 2 √(2/π)
		vfloat square = x * x;
		s = vector_sigmoid(x * root * multiply_add(square, splat(0.044715f), splat(1)), &s_slope);
		*slope = multiply_add(x * root * s_slope, multiply_add(square, splat(3 * 0.044715f), splat(1)), s);
		return x * s;
	}
	case ACTIVATION_RELU:
		*slope = (vfloat)((vint)splat(1) & (x > 0.0f));
		return larger(splat(0), x);
	case ACTIVATION_SILU:
		s = vector_sigmoid(x, &s_slope);
		*slope = multiply_add(x, s_slope, s);
		return x * s;
	case ACTIVATION_TANH:
		s = vector_tanh(x);
		*slope = 1.0f - s * s;
		return s;
	case ACTIVATION_SIGMOID:
		return vector_sigmoid(x, slope);
	}
	*slope = splat(1);
	return x;
}

// FOR_ACTIVATION(kind, loop, (arguments)) calls loop with the kind as a constant, so that each kind gets a loop of its own.
#define FOR_ACTIVATION(kind, loop, ...)                                              \
	switch (kind) {                                                                  \
	case ACTIVATION_GELU: loop(ACTIVATION_GELU, __VA_ARGS__); break;                 \
	case ACTIVATION_GELU_FAST: loop(ACTIVATION_GELU_FAST, __VA_ARGS__); break;       \
	case ACTIVATION_RELU: loop(ACTIVATION_RELU, __VA_ARGS__); break;                 \
	case ACTIVATION_SILU: loop(ACTIVATION_SILU, __VA_ARGS__); break;                 \
	case ACTIVATION_TANH: loop(ACTIVATION_TANH, __VA_ARGS__); break;                 \
	case ACTIVATION_SIGMOID: loop(ACTIVATION_SIGMOID, __VA_ARGS__); break;           \
	default: loop(ACTIVATION_NONE, __VA_ARGS__);                                     \
	}

#endif
