// Elementary functions of vectors. Errors are the largest found in comparison with float64, in units in the last place (ulp).
// Polynomials are minimax fits.
#ifndef UER_VECMATH_INC_H
#define UER_VECMATH_INC_H

#include "vector.h"

// load_some and store_some are load and store where n >= LANES, and otherwise touch only n lanes.
INLINE vfloat load_some(const float *p, size_t n) { return n >= LANES ? load(p) : load_part(p, n); }
INLINE void store_some(float *p, vfloat v, size_t n) {
	if (n >= LANES) store(p, v);
	else store_part(p, v, n);
}

// lane_numbers is 0, 1, 2 ...
INLINE vint lane_numbers(void) {
	vint v;
	for (int i = 0; i < LANES; i++) v[i] = i;
	return v;
}

// first_lanes zeroes all but the first n lanes.
INLINE vfloat first_lanes(vfloat v, size_t n) {
	return n >= LANES ? v : (vfloat)((vint)v & (lane_numbers() < (int32_t)n));
}

// vector_exp is e^x within 1 ulp; 0 below -86.9, where float32 nears its smallest normal number.
INLINE vfloat vector_exp(vfloat x) {
	// e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2. Adding 1.5*2^23 rounds to an integer and leaves it in
	// the low bits. The bounds give n in [-126, 128]; smaller and larger pass NaN on.
	const vfloat round = splat(0x1.8p23f);
	x = larger(splat(-87.3f), smaller(splat(89.0f), x));
	vfloat shifted = multiply_add(x, splat(0x1.715476p0f), round);
	vfloat n = shifted - round;
	vfloat r = multiply_add(n, splat(-0x1.62e4p-1f), x);
	r = multiply_add(n, splat(-0x1.7f7d1cp-20f), r);
	vfloat p = splat(0x1.6a2434p-10f);
	p = multiply_add(p, r, splat(0x1.1239e2p-7f));
	p = multiply_add(p, r, splat(0x1.5558f2p-5f));
	p = multiply_add(p, r, splat(0x1.555492p-3f));
	p = multiply_add(p, r, splat(0x1.fffffcp-2f));
	p = multiply_add(p * r, r, r) + 1.0f;
	// 2^n as 2 * 2^(n-1): 2^128 does not exist, and the bits of 2^-127 are those of 0.
	vfloat half = (vfloat)(((vint)shifted << 23) + (126 << 23));
	return p * half * 2.0f;
}

// vector_sigmoid is s = 1/(1+e^-x) within 3 ulp where it is above 1e-37, and s(1-s) in slope.
INLINE vfloat vector_sigmoid(vfloat x, vfloat *slope) {
	vfloat e = vector_exp(-magnitude(x)), larger_half = 1.0f / (1.0f + e), smaller_half = e * larger_half;
	*slope = larger_half * smaller_half;
	return select_lanes(x < 0.0f, smaller_half, larger_half);
}

// vector_tanh is within 2 ulp.
INLINE vfloat vector_tanh(vfloat x) {
	vfloat a = magnitude(x), z = x * x;
	vfloat p = splat(-0.005704987328f);
	p = multiply_add(p, z, splat(0.020639088f));
	p = multiply_add(p, z, splat(-0.05373971537f));
	p = multiply_add(p, z, splat(0.1333144158f));
	p = multiply_add(p, z, splat(-0.3333328068f));
	vfloat near = multiply_add(p * z, x, x);
	vfloat far = 1.0f - 2.0f / (vector_exp(a + a) + 1.0f);
	vfloat signed_far = (vfloat)((vint)far | ((vint)x & INT32_MIN));
	return select_lanes(a < 0.625f, near, signed_far);
}

// vector_normal is the tail of the normal distribution beyond |x|, 1 - Φ(|x|), with an absolute error below 2^-23. It also
// gives exp(-x²/2). The tail is that exponential times a polynomial in w = 1/(1 + 0.33 |x|) - 1.
INLINE vfloat vector_normal(vfloat x, vfloat *exponential) {
	vfloat a = magnitude(x) * 0.33f;
	vfloat w = -a / (a + 1.0f);
	vfloat p = splat(0.04942198098f);
	p = multiply_add(p, w, splat(0.1063504666f));
	p = multiply_add(p, w, splat(-0.02927930094f));
	p = multiply_add(p, w, splat(-0.1452299207f));
	p = multiply_add(p, w, splat(0.3191107512f));
	p = multiply_add(p, w, splat(1.086856484f));
	p = multiply_add(p, w, splat(1.208918333f));
	p = multiply_add(p, w, splat(0.5f));
	*exponential = vector_exp(x * x * -0.5f);
	return p * *exponential;
}

#endif
