// Elementary functions from operations that are rounded exactly (fma, add, multiply, divide), so that a GPU and the
// twins on the CPU give the same bits. Errors are the largest found against float64, in units in the last place of the
// result (ulp). Polynomials are minimax fits.
#pragma once
#include "device.h"

// power_of_two is 2^n for n in [-126, 127].
DEVFN float power_of_two(int n) { return __uint_as_float((unsigned)(n + 127) << 23); }

// exp32 is e^x within 1.1 ulp, numbers below the normal ones included; of NaN it is NaN.
DEVFN float exp32(float x) {
	// e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2. Adding 1.5*2^23 rounds to an integer and leaves it in
	// the low bits. From the bounds on the result is 0 and infinity.
	x = x < -104.0f ? -104.0f : x > 89.0f ? 89.0f : x;
	float shifted = fmaf(x, 0x1.715476p0f, 0x1.8p23f), k = shifted - 0x1.8p23f;
	int n = (int)(__float_as_uint(shifted) - 0x4b400000u);
	float r = fmaf(k, -0x1.62e4p-1f, x);
	r = fmaf(k, -0x1.7f7d1cp-20f, r);
	float p = 0x1.6a2434p-10f;
	p = fmaf(p, r, 0x1.1239e2p-7f);
	p = fmaf(p, r, 0x1.5558f2p-5f);
	p = fmaf(p, r, 0x1.555492p-3f);
	p = fmaf(p, r, 0x1.fffffcp-2f);
	p = fmaf(p * r, r, r) + 1.0f;
	int half = n >> 1; // 2^n may lie outside the normal numbers
	return p * power_of_two(half) * power_of_two(n - half);
}

// log32 is ln x within 0.9 ulp, for x > 0; of infinity and NaN it is the same.
DEVFN float log32(float x) {
	// ln x = n ln 2 + ln(1+f) with 1+f in [√½, √2), and ln(1+f) = f - f²/2 + f³ p(f).
	int below = x < 0x1p-126f ? 23 : 0;
	if (below) x *= 0x1p23f;
	unsigned u = __float_as_uint(x);
	int n = (int)(u - 0x3f3504f3u) >> 23;
	float f = __uint_as_float(u - ((unsigned)n << 23)) - 1.0f, k = (float)(n - below), square = f * f;
	float p = 0.07332628822f;
	p = fmaf(p, f, -0.1165996101f);
	p = fmaf(p, f, 0.1163464331f);
	p = fmaf(p, f, -0.1239669647f);
	p = fmaf(p, f, 0.1425115719f);
	p = fmaf(p, f, -0.1666915112f);
	p = fmaf(p, f, 0.2000068803f);
	p = fmaf(p, f, -0.2499998119f);
	p = fmaf(p, f, 0.3333333126f);
	float low = fmaf(k, -2.12194440e-4f, p * f * square); // ln 2 in two parts, of which k times the first is exact
	float y = fmaf(k, 0.693359375f, fmaf(square, -0.5f, low) + f);
	return x - x == 0 ? y : x;
}

// tanh32 is within 1.4 ulp.
DEVFN float tanh32(float x) {
	float a = fabsf(x), z = x * x;
	float p = -0.005704987328f;
	p = fmaf(p, z, 0.020639088f);
	p = fmaf(p, z, -0.05373971537f);
	p = fmaf(p, z, 0.1333144158f);
	p = fmaf(p, z, -0.3333328068f);
	float near = fmaf(p * z, x, x), far = 1.0f - 2.0f / (exp32(a + a) + 1.0f);
	return a < 0.625f ? near : x < 0 ? -far : far;
}

struct Sigmoid {
	float value, slope;
};

// sigmoid32 is s = 1/(1+e^-x) within 2.8 ulp, and its derivative s(1-s).
DEVFN Sigmoid sigmoid32(float x) {
	float e = exp32(-fabsf(x)), upper = 1.0f / (1.0f + e), lower = e * upper;
	Sigmoid s;
	s.value = x < 0 ? lower : upper, s.slope = upper * lower;
	return s;
}

struct Normal {
	float below, density;
};

// normal32 is the distribution function of the normal distribution, Φ(x), within 6 ulp (2.1 above -0.8), and its
// density within 3 ulp.
DEVFN Normal normal32(float x) {
	// Φ(x) = ½ + x q(x²) near 0. Beyond, 1 - Φ(a) is e^(-a²/2) times a polynomial in t = 1/(1 + 0.3 a); the exponent is
	// taken in two parts, since rounding a² would cost a² ulp.
	float a = fabsf(x);
	a = a > 14.5f ? 14.5f : a;
	float square = a * a, rest = fmaf(a, a, -square), e = exp32(square * -0.5f);
	e = fmaf(e, rest * -0.5f, e);
	float q = 0.0001013369513f;
	q = fmaf(q, square, -0.001179589046f);
	q = fmaf(q, square, 0.009971798111f);
	q = fmaf(q, square, -0.06649023906f);
	q = fmaf(q, square, 0.3989422786f);
	float t = 1.0f / fmaf(0.3f, a, 1.0f);
	float p = 0.02210632903f;
	p = fmaf(p, t, -0.05689337106f);
	p = fmaf(p, t, 0.007455175f);
	p = fmaf(p, t, 0.04433689757f);
	p = fmaf(p, t, 0.04247815634f);
	p = fmaf(p, t, 0.09340648491f);
	p = fmaf(p, t, 0.1076257736f);
	p = fmaf(p, t, 0.1198272491f);
	p = fmaf(p, t, 0.1196759627f);
	float tail = p * t * e;
	Normal n;
	n.below = a < 0.8f ? fmaf(q, x, 0.5f) : x < 0 ? tail : 1.0f - tail;
	n.density = e * 0.3989422804f;
	return n;
}
