// The activations of package op, by its numbers, and their derivatives.
#pragma once
#include "functions.h"

enum Activation { IDENTITY, GELU, GELU_FAST, RELU, SILU, TANH, SIGMOID };

struct Activated {
	float value, slope;
};

// activated is a(x) and a'(x). That of ReLU at 0 is 0.
DEVFN Activated activated(int activation, float x) {
	Activated a;
	switch (activation) {
	case GELU: { // x Φ(x)
		Normal n = normal32(x);
		a.value = x * n.below, a.slope = fmaf(x, n.density, n.below);
		break;
	}
	case GELU_FAST: {                     // x σ(2u), u = √(2/π) (x + 0.044715 x³)
		const float root = 1.5957691216f; // 2 √(2/π)
		float square = x * x;
		Sigmoid s = sigmoid32(x * root * fmaf(square, 0.044715f, 1.0f));
		a.value = x * s.value, a.slope = fmaf(x * root * s.slope, fmaf(square, 3 * 0.044715f, 1.0f), s.value);
		break;
	}
	case RELU:
		a.value = x < 0 ? 0 : x, a.slope = x > 0 ? 1 : 0; // NaN stays NaN
		break;
	case SILU: { // x σ(x)
		Sigmoid s = sigmoid32(x);
		a.value = x * s.value, a.slope = fmaf(x, s.slope, s.value);
		break;
	}
	case TANH: a.value = tanh32(x), a.slope = 1.0f - a.value * a.value; break;
	case SIGMOID: {
		Sigmoid s = sigmoid32(x);
		a.value = s.value, a.slope = s.slope;
		break;
	}
	default: a.value = x, a.slope = 1;
	}
	return a;
}
