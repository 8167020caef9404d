// CUDA C++ for a C++ compiler: what kernels need of the language, so that their sources run on a processor.
#pragma once

#include <cmath>
#include <cstring>

#include "kernel.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
// The library of a kernel file has no other thread-local variables: the runtime clears these before each block.
#define __shared__ static thread_local

#define KERNEL(name, ...) \
	extern "C" void name(__VA_ARGS__); \
	static const bool vgpu_registered_##name = vgpu::register_twin(#name, name); \
	extern "C" void name(__VA_ARGS__)
#define DYN_SHARED(T, name) T *name = reinterpret_cast<T *>(vgpu::now.dynamic_shared)

#define threadIdx (vgpu::now.thread->index)
#define blockIdx (vgpu::now.block)
#define blockDim (vgpu::now.launch->block)
#define gridDim (vgpu::now.launch->grid)
#define warpSize 32

#define VGPU_TEXT(x) #x
#define VGPU_LINE(x) VGPU_TEXT(x)
#define VGPU_SITE (__FILE__ ":" VGPU_LINE(__LINE__) "#" VGPU_LINE(__COUNTER__))

#define __syncthreads() vgpu::barrier(VGPU_SITE)
#define __syncwarp(...) vgpu::warp_barrier(VGPU_SITE, vgpu::mask_or_all(__VA_ARGS__))
#define __shfl_xor_sync(mask, ...) vgpu::shuffle(VGPU_SITE, vgpu::shuffle_xor, mask, __VA_ARGS__)
#define __shfl_down_sync(mask, ...) vgpu::shuffle(VGPU_SITE, vgpu::shuffle_down, mask, __VA_ARGS__)
#define __shfl_up_sync(mask, ...) vgpu::shuffle(VGPU_SITE, vgpu::shuffle_up, mask, __VA_ARGS__)
#define __shfl_sync(mask, ...) vgpu::shuffle(VGPU_SITE, vgpu::shuffle_index, mask, __VA_ARGS__)
#define __ballot_sync(mask, x) vgpu::shuffle<unsigned>(VGPU_SITE, vgpu::ballot, mask, (x) ? 1u : 0u, 0)

namespace vgpu {

inline unsigned mask_or_all(unsigned mask = 0xffffffffu) { return mask; }

template <class T>
inline T shuffle(const char *site, WarpAct act, unsigned mask, T value, int argument, int width = 32) {
	static_assert(sizeof(T) <= 8, "a shuffle moves four or eight bytes");
	Shuffle s{0, argument, width, 0};
	memcpy(&s.value, &value, sizeof value);
	warp_operation(site, mask, act, &s);
	memcpy(&value, &s.result, sizeof value);
	return value;
}

// larger and smaller order -0 below +0 and prefer a number to a NaN, as the GPU's max and min.
template <class T> inline T larger(T a, T b) {
	if (a == b) return std::signbit(a) ? b : a;
	return a > b || b != b ? a : b;
}
template <class T> inline T smaller(T a, T b) {
	if (a == b) return std::signbit(a) ? a : b;
	return a < b || b != b ? a : b;
}

template <class To, class From> inline To bits_as(From from) {
	static_assert(sizeof(To) == sizeof(From), "bits of one size");
	To to;
	memcpy(&to, &from, sizeof to);
	return to;
}

} // namespace vgpu

// Vector4 is what one access moves. The compiler must not know of its alignment: of two branches that differ only in how
// they are aligned, g++ 12 keeps one, whichever it is (-fif-conversion).
typedef float Vector4 __attribute__((vector_size(16), aligned(4), may_alias));

// vector4_at checks what a GPU wants of the address.
inline Vector4 *vector4_at(float *p) {
	if ((uint64_t)p % 16 != 0) vgpu::fail("four floats at an address that is no multiple of 16");
	return reinterpret_cast<Vector4 *>(p);
}
inline const Vector4 *vector4_at(const float *p) { return vector4_at(const_cast<float *>(p)); }

typedef unsigned Words4 __attribute__((vector_size(16), aligned(2), may_alias));
typedef unsigned Words2 __attribute__((vector_size(8), aligned(2), may_alias));
inline Words4 *words4_at(void *p) {
	if ((uint64_t)p % 16 != 0) vgpu::fail("16 bytes at an address that is no multiple of 16");
	return reinterpret_cast<Words4 *>(p);
}
inline const Words4 *words4_at(const void *p) { return words4_at(const_cast<void *>(p)); }
inline Words2 *words2_at(void *p) {
	if ((uint64_t)p % 8 != 0) vgpu::fail("8 bytes at an address that is no multiple of 8");
	return reinterpret_cast<Words2 *>(p);
}
inline const Words2 *words2_at(const void *p) { return words2_at(const_cast<void *>(p)); }

inline unsigned forgotten(unsigned x) { return x; }

struct alignas(8) float2 {
	float x, y;
};
struct alignas(16) float4 {
	float x, y, z, w;
};
struct alignas(8) int2 {
	int x, y;
};
struct alignas(16) int4 {
	int x, y, z, w;
};
struct alignas(8) uint2 {
	unsigned x, y;
};
struct alignas(16) uint4 {
	unsigned x, y, z, w;
};

inline unsigned __float_as_uint(float x) { return vgpu::bits_as<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return vgpu::bits_as<float>(x); }
inline int __float_as_int(float x) { return vgpu::bits_as<int>(x); }
inline float __int_as_float(int x) { return vgpu::bits_as<float>(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((uint64_t)a * b) >> 32); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
#define fmaxf(a, b) vgpu::larger<float>(a, b)
#define fminf(a, b) vgpu::smaller<float>(a, b)

inline int atomicAdd(int *at, int x) { return __atomic_fetch_add(at, x, __ATOMIC_RELAXED); }
inline unsigned atomicAdd(unsigned *at, unsigned x) { return __atomic_fetch_add(at, x, __ATOMIC_RELAXED); }
