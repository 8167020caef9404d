// Numbers stored as bfloat16, the upper halves of floats, and arrays of either kind.
#ifndef UER_HALVES_INC_H
#define UER_HALVES_INC_H

#include "routines.h"
#include "vecmath.inc.h"

typedef uint16_t vhalves __attribute__((vector_size(VECTOR_BYTES / 2)));

// to_bfloat16 rounds to the nearest number in bfloat16, ties to even, as VCVTNEPS2BF16 does: what is subnormal becomes a zero
// of its sign, and NaN stays NaN.
INLINE vfloat to_bfloat16(vfloat x) {
	const vuint one = (vuint){0} + 1, sign = one << 31, upper = (vuint){0} + 0xffff0000u;
	vuint u = (vuint)x, magnitude = u & ~sign;
	vuint rounded = (u + 0x7fffu + ((u >> 16) & one)) & upper;
	vint subnormal = (vint)(magnitude < (one << 23)), nan = (vint)(magnitude > (vuint){0} + 0x7f800000u);
	vfloat result = select_lanes(nan, (vfloat)((u | (one << 22)) & upper), (vfloat)rounded);
	return select_lanes(subnormal, (vfloat)(u & sign), result);
}

// load_halves widens the first n numbers, at most LANES, and sets the other lanes to zero; store_halves rounds as many.
INLINE vfloat load_halves(const uint16_t *p, size_t n) {
	vhalves v = {0};
	if (n >= LANES) memcpy(&v, p, sizeof v);
#if defined(UER_SET_AVX512)
	else v = (vhalves)_mm256_maskz_loadu_epi16(first(n), p);
#else
	else for (size_t i = 0; i < n; i++) v[i] = p[i];
#endif
	return (vfloat)(__builtin_convertvector(v, vuint) << 16);
}

INLINE vhalves narrow_vector(vfloat x) {
#if defined(UER_VCVTNEPS2BF16)
	return (vhalves)_mm512_cvtneps_pbh((__m512)x);
#else
	return __builtin_convertvector((vuint)to_bfloat16(x) >> 16, vhalves);
#endif
}

INLINE void store_halves(uint16_t *p, vfloat x, size_t n) {
	vhalves v = narrow_vector(x);
	if (n >= LANES) memcpy(p, &v, sizeof v);
#if defined(UER_SET_AVX512)
	else _mm256_mask_storeu_epi16(p, first(n), (__m256i)v);
#else
	else for (size_t i = 0; i < n; i++) p[i] = v[i];
#endif
}

// stream_halves is stream for LANES numbers: two of them fill a line of the cache.
INLINE void stream_halves(uint16_t *p, vfloat x) {
#if defined(UER_SET_AVX512)
	if ((uintptr_t)p % (VECTOR_BYTES / 2) == 0) {
		_mm256_stream_si256((__m256i *)p, (__m256i)narrow_vector(x));
		return;
	}
#endif
	store_halves(p, x, LANES);
}

// load_array and store_array are load_some and store_some of an element of an array and those after it.
INLINE vfloat load_array(struct array a, size_t element, size_t n) {
	return a.half ? load_halves((const uint16_t *)a.at + element, n) : load_some((const float *)a.at + element, n);
}
INLINE void store_array(struct array a, size_t element, vfloat v, size_t n) {
	if (a.half) store_halves((uint16_t *)a.at + element, v, n);
	else store_some((float *)a.at + element, v, n);
}

// as_half is an array whose storage the compiler knows: loops over operands that are stored the same way are compiled for each.
INLINE struct array as_half(const int half, struct array a) { return (struct array){a.at, half}; }
INLINE struct array array_at(struct array a, size_t element) {
	return (struct array){(char *)a.at + element * (a.half ? sizeof(uint16_t) : sizeof(float)), a.half};
}

#if defined(UER_SET_AVX512)
// halves_across is the first n of 32 numbers in a row, as pairs.
INLINE vfloat halves_across(const uint16_t *x, size_t n) {
	return (vfloat)_mm512_maskz_loadu_epi16(n >= 32 ? 0xffffffffu : (1u << n) - 1, x);
}

// halves_down is pairs of the first n of 16 numbers in a row and those in the row below; either may be NULL.
INLINE vfloat halves_down(const uint16_t *x, const uint16_t *below, size_t n) {
	const __m512i pairs = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
		20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
	__mmask16 lanes = n >= LANES ? 0xffff : first(n);
	__m256i low = x ? _mm256_maskz_loadu_epi16(lanes, x) : _mm256_setzero_si256();
	__m256i high = below ? _mm256_maskz_loadu_epi16(lanes, below) : _mm256_setzero_si256();
	return (vfloat)_mm512_permutexvar_epi16(pairs, _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
}
#endif

#endif
