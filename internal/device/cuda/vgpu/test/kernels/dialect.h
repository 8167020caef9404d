// CUDA C++ for the kernels of the tests: by clang, or by a C++ compiler.
#pragma once

#ifdef UER_VGPU
#include "vgpu_tensor.h"
#else
#define __shared__ __attribute__((shared))
#define __device__ __attribute__((device))
#include <__clang_cuda_builtin_vars.h>
typedef unsigned short uint16_t;
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
typedef float Vector4 __attribute__((vector_size(16)));
static __device__ inline Vector4 *vector4_at(float *p) { return (Vector4 *)p; }

// Tensor cores, and the copies that feed them.
static __device__ inline unsigned shared_address(const void *p) {
	uint64_t a;
	asm("cvta.to.shared.u64 %0, %1;" : "=l"(a) : "l"((uint64_t)p));
	return (unsigned)a;
}
static __device__ inline void mma(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
	asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
		: "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
		: "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
static __device__ inline void load_fragments(unsigned (&r)[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
				 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
				 : "r"(shared_address(row))
				 : "memory");
}
static __device__ inline void load_fragments_transposed(unsigned (&r)[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
				 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
				 : "r"(shared_address(row))
				 : "memory");
}
static __device__ inline void copy_async(void *shared, const void *global, bool present) {
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"((uint64_t)global),
				 "r"(present ? 16 : 0)
				 : "memory");
}
static __device__ inline void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING> static __device__ inline void copies_wait() {
	asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}
static __device__ inline unsigned pack_bf16(float low, float high) {
	unsigned r;
	asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
	return r;
}
static __device__ inline float exp2_fast(float x) {
	float r;
	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
	return r;
}
#endif
