// Elementary functions for results that are rounded to bfloat16: their errors are far below its 2^-8, and they cost a
// fraction of what functions.h takes for float32.
#pragma once
#include "activation.h"

const float LOG2_E = 1.4426950409f, LN_2 = 0.6931471806f;

// exp_fast is e^x.
DEVFN float exp_fast(float x) { return exp2_fast(x * LOG2_E); }

// sigmoid_fast is 1/(1+e^-x).
DEVFN float sigmoid_fast(float x) { return reciprocal_fast(1.0f + exp2_fast(x * -LOG2_E)); }

// tanh_fast loses nothing near 0, where tanh x = x - x³/3 + ….
DEVFN float tanh_fast(float x) {
	float square = x * x, near = fmaf(x * square, fmaf(square, 0.13333f, -0.33333f), x);
	float far = 1.0f - 2.0f * reciprocal_fast(1.0f + exp2_fast(x * (2 * LOG2_E)));
	return square < 0.0625f ? near : far;
}

// normal_fast is Φ(x) and its density within 4e-5 of their values. 1-Φ(a) is e^(-a²/2) times a polynomial in
// t = 1/(1 + 0.38 a), a minimax fit.
DEVFN Normal normal_fast(float x) {
	float a = fabsf(x), e = exp2_fast(x * x * (-0.5f * LOG2_E)), t = reciprocal_fast(fmaf(0.38f, a, 1.0f));
	float p = -0.0899284054f;
	p = fmaf(p, t, 0.188876655f);
	p = fmaf(p, t, 0.091979532f);
	p = fmaf(p, t, 0.1578295698f);
	p = fmaf(p, t, 0.1512251216f);
	float tail = p * t * e;
	Normal n;
	n.below = x < 0 ? tail : 1.0f - tail;
	n.density = e * 0.3989422804f;
	return n;
}

// activated_fast is a(x) and a'(x).
template <int ACTIVATION> DEVFN Activated activated_fast(float x) {
	Activated a;
	if (ACTIVATION == GELU) {
		Normal n = normal_fast(x);
		a.value = x * n.below, a.slope = fmaf(x, n.density, n.below);
	} else if (ACTIVATION == GELU_FAST) {
		const float root = 1.5957691216f; // 2 √(2/π)
		float square = x * x, s = sigmoid_fast(x * fmaf(square, root * 0.044715f, root));
		a.value = x * s, a.slope = fmaf(a.value * (1.0f - s), fmaf(square, root * 3 * 0.044715f, root), s);
	} else if (ACTIVATION == RELU) {
		a.value = x < 0 ? 0 : x, a.slope = x > 0 ? 1 : 0; // NaN stays NaN
	} else if (ACTIVATION == SILU) {
		float s = sigmoid_fast(x);
		a.value = x * s, a.slope = fmaf(a.value, 1.0f - s, s);
	} else if (ACTIVATION == TANH) {
		a.value = tanh_fast(x), a.slope = 1.0f - a.value * a.value;
	} else if (ACTIVATION == SIGMOID) {
		a.value = sigmoid_fast(x), a.slope = a.value * (1.0f - a.value);
	} else {
		a.value = x, a.slope = 1;
	}
	return a;
}

template <int ACTIVATION> struct ActivationNumber {
	static const int number = ACTIVATION;
};

// with_activation calls f with an activation that the compiler knows.
template <class F> DEVFN void with_activation(int activation, const F &f) {
	switch (activation) {
	case GELU: return f(ActivationNumber<GELU>());
	case GELU_FAST: return f(ActivationNumber<GELU_FAST>());
	case RELU: return f(ActivationNumber<RELU>());
	case SILU: return f(ActivationNumber<SILU>());
	case TANH: return f(ActivationNumber<TANH>());
	case SIGMOID: return f(ActivationNumber<SIGMOID>());
	default: return f(ActivationNumber<IDENTITY>());
	}
}
