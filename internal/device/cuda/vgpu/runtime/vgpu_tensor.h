// Tensor cores and the copies that feed them, for the twins of kernels: under the names of the kernels' device.h.
#pragma once

#include "vgpu_device.h"

namespace vgpu {

// copy_async begins to copy 16 bytes to shared memory, or to clear them where nothing is present. The bytes arrive when
// the thread waits for them and are NaN until then, so that a missing wait shows.
void copy_async(void *to, const void *from, bool present);
void copies_commit();
void copies_wait(unsigned pending); // until at most so many committed groups are under way

// Rows is what a lane brings to ldmatrix: the row i%8 of matrix i/8 of four matrices [8, 8] of 16 bits.
struct Rows {
	const void *row;
	bool transposed;
	unsigned result[4];
	const void *read[4]; // where the elements of the result came from
};
void load_rows(void *const *lanes);

// Fragments is what a lane brings to mma.m16n8k16 of bf16: its parts of a [16, 16], b [16, 8] and the sums [16, 8].
struct Fragments {
	float d[4];
	unsigned a[4], b[2];
};
// Sums go in order of k in float32; tensor cores round differently inside, so compare with a tolerance.
void multiply_fragments(void *const *lanes);

inline void load_matrix(const char *site, unsigned *result, const void *row, bool transposed) {
	Rows rows{row, transposed, {}, {}};
	warp_operation(site, 0xffffffffu, load_rows, &rows);
	memcpy(result, rows.result, sizeof rows.result);
#ifdef VGPU_TSAN // the lane has read what the act read for it
	for (const void *at : rows.read) (void)*static_cast<const volatile unsigned short *>(at);
#endif
}

inline void multiply_add(const char *site, float *d, const unsigned *a, unsigned b0, unsigned b1) {
	Fragments f;
	memcpy(f.d, d, sizeof f.d);
	memcpy(f.a, a, sizeof f.a);
	f.b[0] = b0, f.b[1] = b1;
	warp_operation(site, 0xffffffffu, multiply_fragments, &f);
	memcpy(d, f.d, sizeof f.d);
}

// round_bf16 rounds to nearest even.
inline uint16_t round_bf16(float x) {
	uint32_t bits = bits_as<uint32_t>(x);
	if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff; // the GPU's NaN
	return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline unsigned pack_bf16(float low, float high) { return round_bf16(low) | (unsigned)round_bf16(high) << 16; }

} // namespace vgpu

// The names that kernels use.
using vgpu::copies_commit;
using vgpu::copy_async;
using vgpu::pack_bf16;
template <int PENDING> inline void copies_wait() { vgpu::copies_wait(PENDING); }
inline float exp2_fast(float x) { return exp2f(x); }
inline float log2_fast(float x) { return log2f(x); }
inline float reciprocal_fast(float x) { return 1 / x; }
#define mma(d, a, b0, b1) vgpu::multiply_add(VGPU_SITE, d, a, b0, b1)
#define load_fragments(result, row) vgpu::load_matrix(VGPU_SITE, result, (const void *)(row), false)
#define load_fragments_transposed(result, row) vgpu::load_matrix(VGPU_SITE, result, (const void *)(row), true)
