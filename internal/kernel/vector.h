// The vector type that the C routines are written over, and the few operations that differ between instruction
// sets. A file that includes this has defined VECTOR_BYTES. Arithmetic, comparison (lanes of -1 or 0 in a vint) and
// bit operations are the operators of GCC's vector extensions.
#ifndef UER_VECTOR_H
#define UER_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define LANES (VECTOR_BYTES / 4)
#define INLINE static inline __attribute__((always_inline))

typedef float vfloat __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t vint __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t vuint __attribute__((vector_size(VECTOR_BYTES)));

INLINE vfloat splat(float x) { return x - (vfloat){0}; }

INLINE vfloat load(const float *p) {
	vfloat v;
	memcpy(&v, p, sizeof v);
	return v;
}

INLINE void store(float *p, vfloat v) { memcpy(p, &v, sizeof v); }

INLINE vint loadi(const int32_t *p) {
	vint v;
	memcpy(&v, p, sizeof v);
	return v;
}

INLINE void storei(int32_t *p, vint v) { memcpy(p, &v, sizeof v); }

// load_part reads the first n lanes, 0 <= n <= LANES, and sets the others to zero; store_part writes the first n.
// Neither touches memory beyond them.
#if defined(UER_SET_AVX512)

INLINE __mmask16 first(size_t n) { return (__mmask16)((1u << n) - 1); }
INLINE vfloat load_part(const float *p, size_t n) { return (vfloat)_mm512_maskz_loadu_ps(first(n), p); }
INLINE void store_part(float *p, vfloat v, size_t n) { _mm512_mask_storeu_ps(p, first(n), (__m512)v); }

#elif defined(UER_SET_AVX2)

INLINE __m256i first(size_t n) {
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE vfloat load_part(const float *p, size_t n) { return (vfloat)_mm256_maskload_ps(p, first(n)); }
INLINE void store_part(float *p, vfloat v, size_t n) { _mm256_maskstore_ps(p, first(n), (__m256)v); }

#else

INLINE vfloat load_part(const float *p, size_t n) {
	vfloat v = {0};
	for (size_t i = 0; i < n; i++) v[i] = p[i];
	return v;
}
INLINE void store_part(float *p, vfloat v, size_t n) {
	for (size_t i = 0; i < n; i++) p[i] = v[i];
}

#endif

// select_lanes takes a where the mask is -1 and b where it is 0.
INLINE vfloat select_lanes(vint mask, vfloat a, vfloat b) { return (vfloat)((mask & (vint)a) | (~mask & (vint)b)); }

// multiply_add is a*b + c, in one rounding where the instruction set has it.
// larger and smaller return b if either lane is not a number.
#if defined(UER_SET_AVX512)

INLINE vfloat multiply_add(vfloat a, vfloat b, vfloat c) { return (vfloat)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
INLINE vfloat larger(vfloat a, vfloat b) { return (vfloat)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vfloat smaller(vfloat a, vfloat b) { return (vfloat)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE vfloat square_root(vfloat a) { return (vfloat)_mm512_sqrt_ps((__m512)a); }
INLINE vint nearest(vfloat a) { return (vint)_mm512_cvtps_epi32((__m512)a); }
INLINE vfloat to_float(vint a) { return (vfloat)_mm512_cvtepi32_ps((__m512i)a); }

#elif defined(UER_SET_AVX2)

INLINE vfloat multiply_add(vfloat a, vfloat b, vfloat c) { return (vfloat)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
INLINE vfloat larger(vfloat a, vfloat b) { return (vfloat)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vfloat smaller(vfloat a, vfloat b) { return (vfloat)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE vfloat square_root(vfloat a) { return (vfloat)_mm256_sqrt_ps((__m256)a); }
INLINE vint nearest(vfloat a) { return (vint)_mm256_cvtps_epi32((__m256)a); }
INLINE vfloat to_float(vint a) { return (vfloat)_mm256_cvtepi32_ps((__m256i)a); }

#elif defined(__x86_64__)

INLINE vfloat multiply_add(vfloat a, vfloat b, vfloat c) { return a * b + c; }
INLINE vfloat larger(vfloat a, vfloat b) { return (vfloat)_mm_max_ps((__m128)a, (__m128)b); }
INLINE vfloat smaller(vfloat a, vfloat b) { return (vfloat)_mm_min_ps((__m128)a, (__m128)b); }
INLINE vfloat square_root(vfloat a) { return (vfloat)_mm_sqrt_ps((__m128)a); }
INLINE vint nearest(vfloat a) { return (vint)_mm_cvtps_epi32((__m128)a); }
INLINE vfloat to_float(vint a) { return (vfloat)_mm_cvtepi32_ps((__m128i)a); }

#else

INLINE vfloat multiply_add(vfloat a, vfloat b, vfloat c) {
	for (int i = 0; i < LANES; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
	return c;
}
INLINE vfloat larger(vfloat a, vfloat b) { return select_lanes(a > b, a, b); }
INLINE vfloat smaller(vfloat a, vfloat b) { return select_lanes(a < b, a, b); }
INLINE vfloat square_root(vfloat a) {
#if defined(__aarch64__)
	return (vfloat)vsqrtq_f32((float32x4_t)a);
#else
	for (int i = 0; i < LANES; i++) a[i] = __builtin_sqrtf(a[i]);
	return a;
#endif
}
INLINE vint nearest(vfloat a) {
	vint v;
	for (int i = 0; i < LANES; i++) v[i] = (int32_t)__builtin_rintf(a[i]);
	return v;
}
INLINE vfloat to_float(vint a) {
	vfloat v;
	for (int i = 0; i < LANES; i++) v[i] = (float)a[i];
	return v;
}

#endif

INLINE vfloat magnitude(vfloat a) { return (vfloat)((vint)a & 0x7fffffff); }

// The lanes are reduced by halves: lane i with lane i + LANES/2, and so on.
INLINE float sum_lanes(vfloat v) {
	float lanes[LANES];
	memcpy(lanes, &v, sizeof lanes);
	for (int half = LANES / 2; half > 0; half /= 2)
		for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
	return lanes[0];
}

INLINE float largest_lane(vfloat v) {
	float lanes[LANES];
	memcpy(lanes, &v, sizeof lanes);
	for (int half = LANES / 2; half > 0; half /= 2)
		for (int i = 0; i < half; i++) lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
	return lanes[0];
}

#endif
