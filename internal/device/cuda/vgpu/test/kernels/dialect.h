// CUDA C++ for the kernels of the tests: by clang, or by a C++ compiler.
#pragma once

#ifdef UER_VGPU
#include "vgpu_tensor.h"
#else
#define __shared__ __attribute__((shared))
#define __device__ __attribute__((device))
#include <__clang_cuda_builtin_vars.h>
typedef unsigned long uint64_t;
#define KERNEL(name, ...) extern "C" __attribute__((global)) void name(__VA_ARGS__)
#define DYN_SHARED(T, name) extern __shared__ __attribute__((aligned(128))) T name[]
static __device__ inline void __syncwarp() { __nvvm_bar_warp_sync(0xffffffffu); }
static __device__ inline float __shfl_xor_sync(unsigned mask, float x, int distance) {
	return __nvvm_shfl_sync_bfly_f32(mask, x, distance, 0x1f);
}
static __device__ inline float __shfl_down_sync(unsigned mask, float x, int distance, int width) {
	return __nvvm_shfl_sync_down_f32(mask, x, distance, ((32 - width) << 8) | 0x1f);
}
static __device__ inline unsigned __ballot_sync(unsigned mask, bool x) { return __nvvm_vote_ballot_sync(mask, x); }
static __device__ inline int atomicAdd(int *at, int x) { return __nvvm_atom_add_gen_i(at, x); }
static __device__ inline float sqrtf(float x) { return __nvvm_sqrt_rn_f(x); }
static __device__ inline float fmaf(float a, float b, float c) { return __nvvm_fma_rn_f(a, b, c); }
static __device__ inline float fmaxf(float a, float b) { return __nvvm_fmax_f(a, b); }
static __device__ inline float floorf(float x) { return __nvvm_floor_f(x); }
#endif
