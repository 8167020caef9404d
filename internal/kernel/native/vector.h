// The vector type over which routines are written, and the few operations that differ between instruction sets. Files that
// include this define VECTOR_BYTES first. Arithmetic, comparison (lanes of -1 or 0 in a vint) and bit operations are the
// operators of GCC's vector extensions.
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

// UNROLL unrolls a loop over registers completely, which is what keeps an array of vectors in registers.
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

INLINE size_t min_size(size_t a, size_t b) { return a < b ? a : b; }
INLINE size_t ceil_divide(size_t a, size_t b) { return (a + b - 1) / b; }
INLINE size_t round_up(size_t n, size_t multiple) { return ceil_divide(n, multiple) * multiple; }

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

// stream stores what will not be read soon, bypassing the cache if the address is aligned. stream_end must come before other
// threads read it.
#if defined(__x86_64__)
INLINE void stream(float *p, vfloat v) {
	if ((uintptr_t)p % VECTOR_BYTES) {
		store(p, v);
		return;
	}
#if defined(UER_SET_AVX512)
	_mm512_stream_ps(p, (__m512)v);
#elif defined(UER_SET_AVX2)
	_mm256_stream_ps(p, (__m256)v);
#else
	_mm_stream_ps(p, (__m128)v);
#endif
}
INLINE void stream_end(void) { _mm_sfence(); }
#else
INLINE void stream(float *p, vfloat v) { store(p, v); }
INLINE void stream_end(void) {}
#endif

// select_lanes is a where the mask is -1 and b where it is 0.
INLINE vfloat select_lanes(vint mask, vfloat a, vfloat b) { return (vfloat)((mask & (vint)a) | (~mask & (vint)b)); }

// multiply_add is a*b + c, rounded once where the instruction set can.
// larger and smaller are b if either lane is NaN.
#if defined(UER_SET_AVX512)

INLINE vfloat multiply_add(vfloat a, vfloat b, vfloat c) { return (vfloat)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
INLINE vfloat larger(vfloat a, vfloat b) { return (vfloat)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vfloat smaller(vfloat a, vfloat b) { return (vfloat)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE vfloat square_root(vfloat a) { return (vfloat)_mm512_sqrt_ps((__m512)a); }
INLINE vfloat to_float(vint a) { return (vfloat)_mm512_cvtepi32_ps((__m512i)a); }

#elif defined(UER_SET_AVX2)

INLINE vfloat multiply_add(vfloat a, vfloat b, vfloat c) { return (vfloat)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
INLINE vfloat larger(vfloat a, vfloat b) { return (vfloat)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vfloat smaller(vfloat a, vfloat b) { return (vfloat)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE vfloat square_root(vfloat a) { return (vfloat)_mm256_sqrt_ps((__m256)a); }
INLINE vfloat to_float(vint a) { return (vfloat)_mm256_cvtepi32_ps((__m256i)a); }

#elif defined(__x86_64__)

INLINE vfloat multiply_add(vfloat a, vfloat b, vfloat c) { return a * b + c; }
INLINE vfloat larger(vfloat a, vfloat b) { return (vfloat)_mm_max_ps((__m128)a, (__m128)b); }
INLINE vfloat smaller(vfloat a, vfloat b) { return (vfloat)_mm_min_ps((__m128)a, (__m128)b); }
INLINE vfloat square_root(vfloat a) { return (vfloat)_mm_sqrt_ps((__m128)a); }
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
INLINE vfloat to_float(vint a) {
	vfloat v;
	for (int i = 0; i < LANES; i++) v[i] = (float)a[i];
	return v;
}

#endif

// zip_low interleaves the lower halves of two vectors' blocks of four lanes (a0 b0 a1 b1  a4 b4 a5 b5 ...), zip_high the
// upper halves (a2 b2 a3 b3 ...). even_blocks is the blocks 0, 2 ... of a, then those of b; odd_blocks the others.
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (vint){__VA_ARGS__})
#endif
#if LANES == 16
INLINE vfloat zip_low(vfloat a, vfloat b) { return SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29); }
INLINE vfloat zip_high(vfloat a, vfloat b) { return SHUFFLE(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31); }
INLINE vfloat even_blocks(vfloat a, vfloat b) { return SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27); }
INLINE vfloat odd_blocks(vfloat a, vfloat b) { return SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31); }
#elif LANES == 8
INLINE vfloat zip_low(vfloat a, vfloat b) { return SHUFFLE(a, b, 0, 8, 1, 9, 4, 12, 5, 13); }
INLINE vfloat zip_high(vfloat a, vfloat b) { return SHUFFLE(a, b, 2, 10, 3, 11, 6, 14, 7, 15); }
INLINE vfloat even_blocks(vfloat a, vfloat b) { return SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11); }
INLINE vfloat odd_blocks(vfloat a, vfloat b) { return SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15); }
#else
INLINE vfloat zip_low(vfloat a, vfloat b) { return SHUFFLE(a, b, 0, 4, 1, 5); }
INLINE vfloat zip_high(vfloat a, vfloat b) { return SHUFFLE(a, b, 2, 6, 3, 7); }
#endif

// transpose swaps rows and lanes.
INLINE void transpose(vfloat rows[LANES]) {
	// First within blocks of four rows and four lanes.
	UNROLL for (int i = 0; i < LANES; i += 4) {
		vfloat low02 = zip_low(rows[i], rows[i + 2]), high02 = zip_high(rows[i], rows[i + 2]);
		vfloat low13 = zip_low(rows[i + 1], rows[i + 3]), high13 = zip_high(rows[i + 1], rows[i + 3]);
		rows[i] = zip_low(low02, low13);
		rows[i + 1] = zip_high(low02, low13);
		rows[i + 2] = zip_low(high02, high13);
		rows[i + 3] = zip_high(high02, high13);
	}
	// Then the blocks. Each pass moves one bit of a block's number from its position in the vector to its row.
#if LANES >= 8
	UNROLL for (int pass = 4; pass < LANES; pass *= 2) {
		vfloat next[LANES];
		UNROLL for (int i = 0; i < LANES / 2; i++) {
			vfloat a = rows[i / 4 * 8 + i % 4], b = rows[i / 4 * 8 + 4 + i % 4];
			next[i] = even_blocks(a, b);
			next[LANES / 2 + i] = odd_blocks(a, b);
		}
		UNROLL for (int i = 0; i < LANES; i++) rows[i] = next[i];
	}
#endif
}

INLINE vfloat magnitude(vfloat a) { return (vfloat)((vint)a & 0x7fffffff); }

// LANES_OF(f, D) lists f(0, D) to f(LANES-1, D), the lanes that a shuffle takes.
#if LANES == 16
#define LANES_OF(f, D)                                                                                               \
	f(0, D), f(1, D), f(2, D), f(3, D), f(4, D), f(5, D), f(6, D), f(7, D), f(8, D), f(9, D), f(10, D), f(11, D), \
		f(12, D), f(13, D), f(14, D), f(15, D)
#elif LANES == 8
#define LANES_OF(f, D) f(0, D), f(1, D), f(2, D), f(3, D), f(4, D), f(5, D), f(6, D), f(7, D)
#else
#define LANES_OF(f, D) f(0, D), f(1, D), f(2, D), f(3, D)
#endif
#define LANE_AFTER(i, D) (((i) + (D)) % LANES)
#define ROTATE(v, D) SHUFFLE(v, v, LANES_OF(LANE_AFTER, D))

// Lanes are reduced by halves: lane i with lane i + LANES/2, and so on.
INLINE float sum_lanes(vfloat v) {
#if LANES >= 16
	v += ROTATE(v, 8);
#endif
#if LANES >= 8
	v += ROTATE(v, 4);
#endif
	v += ROTATE(v, 2);
	v += ROTATE(v, 1);
	return v[0];
}

INLINE float largest_lane(vfloat v) {
#if LANES >= 16
	v = larger(v, ROTATE(v, 8));
#endif
#if LANES >= 8
	v = larger(v, ROTATE(v, 4));
#endif
	v = larger(v, ROTATE(v, 2));
	v = larger(v, ROTATE(v, 1));
	return v[0];
}

#endif
