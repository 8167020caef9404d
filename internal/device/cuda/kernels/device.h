// What every kernel file includes first: the part of CUDA C++ that the kernels use. clang compiles them without
// NVIDIA's headers, so what these declare stands here; a C++ compiler (UER_VGPU) takes it from a stand-in that runs
// kernels on the CPU. Kernels use nothing else, and of floating-point functions only those that are rounded exactly.
#pragma once

#if defined(UER_VGPU)
#include "vgpu_tensor.h"
#define KERNEL_OF(threads, name, ...) KERNEL(name, __VA_ARGS__)
#else

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __host__ __attribute__((host)) // for the header below
#define __shared__ __attribute__((shared))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#include <__clang_cuda_builtin_vars.h>

// KERNEL_OF begins a kernel that is launched in blocks of so many threads.
#define KERNEL_OF(threads, name, ...) extern "C" __global__ void __launch_bounds__(threads) name(__VA_ARGS__)
#define DEVFN static __device__ __forceinline__

typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long uint64_t;
typedef unsigned long size_t;

DEVFN void __syncwarp() { __nvvm_bar_warp_sync(0xffffffffu); }
DEVFN int __shfl_xor_sync(unsigned mask, int v, int d) { return __nvvm_shfl_sync_bfly_i32(mask, v, d, 0x1f); }
DEVFN float __shfl_xor_sync(unsigned mask, float v, int d) { return __nvvm_shfl_sync_bfly_f32(mask, v, d, 0x1f); }
DEVFN int __shfl_sync(unsigned mask, int v, int lane) { return __nvvm_shfl_sync_idx_i32(mask, v, lane, 0x1f); }
DEVFN float __shfl_sync(unsigned mask, float v, int lane) { return __nvvm_shfl_sync_idx_f32(mask, v, lane, 0x1f); }

DEVFN float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVFN float sqrtf(float a) { return __builtin_sqrtf(a); }
DEVFN float fabsf(float a) { return __builtin_fabsf(a); }
DEVFN double sqrt(double a) { return __builtin_sqrt(a); }
DEVFN double fabs(double a) { return __builtin_fabs(a); }
DEVFN unsigned __float_as_uint(float f) { return __builtin_bit_cast(unsigned, f); }
DEVFN float __uint_as_float(unsigned u) { return __builtin_bit_cast(float, u); }

// Vector4 is what one access moves, at a multiple of 16 bytes.
typedef float Vector4 __attribute__((vector_size(16)));
DEVFN Vector4 *vector4_at(float *p) { return (Vector4 *)p; }
DEVFN const Vector4 *vector4_at(const float *p) { return (const Vector4 *)p; }

// The same of 16 and 8 bytes of another type.
typedef unsigned Words4 __attribute__((vector_size(16)));
typedef unsigned Words2 __attribute__((vector_size(8)));
DEVFN Words4 *words4_at(void *p) { return (Words4 *)p; }
DEVFN const Words4 *words4_at(const void *p) { return (const Words4 *)p; }
DEVFN Words2 *words2_at(void *p) { return (Words2 *)p; }
DEVFN const Words2 *words2_at(const void *p) { return (const Words2 *)p; }

// pack_bf16 rounds two numbers to bfloat16, to nearest even; NaN stays NaN.
DEVFN unsigned pack_bf16(float low, float high) {
	return __builtin_bit_cast(unsigned, __nvvm_ff2bf16x2_rn(high, low));
}

// forgotten is x, of which the compiler knows nothing more: what was made of it before is made again, rather than kept in
// registers.
DEVFN unsigned forgotten(unsigned x) {
	asm volatile("" : "+r"(x));
	return x;
}

// Approximations within 2^-22 or so, for what is rounded to bfloat16 afterwards. Numbers below the normal ones are 0.
DEVFN float exp2_fast(float x) { return __nvvm_ex2_approx_ftz_f(x); }
DEVFN float log2_fast(float x) { return __nvvm_lg2_approx_ftz_f(x); }
DEVFN float reciprocal_fast(float x) { return __nvvm_rcp_approx_ftz_f(x); }
#endif

#ifndef DEVFN
#define DEVFN static __device__ __forceinline__
#endif
#ifndef INFINITY
#define INFINITY __builtin_inff()
#endif

// bf16 is bfloat16 as memory holds it: the upper half of a float. Numbers are computed in float.
struct bf16 {
	uint16_t bits;
};

// low_half and high_half are the numbers in the halves of a word.
DEVFN float low_half(unsigned word) { return __uint_as_float(word << 16); }
DEVFN float high_half(unsigned word) { return __uint_as_float(word & 0xffff0000u); }

// SHARED_FLOATS declares arrays in shared memory.
#define SHARED_FLOATS(...) __shared__ __attribute__((aligned(16))) float __VA_ARGS__

DEVFN int smaller(int a, int b) { return a < b ? a : b; }
DEVFN int larger(int a, int b) { return a > b ? a : b; }
DEVFN float larger(float a, float b) { return a > b ? a : b; }
