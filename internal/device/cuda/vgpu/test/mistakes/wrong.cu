// Kernels with a mistake each, which the stand-in has to notice. wrong.ptx is made as ../kernels/right.ptx is.
#include "../kernels/dialect.h"

KERNEL(forgets_barrier, float *out, const float *in) {
	__shared__ float s[64];
	s[threadIdx.x] = in[threadIdx.x];
	out[threadIdx.x] = s[63 - threadIdx.x];
}

KERNEL(forgets_warp_barrier, float *out, const float *in) {
	__shared__ float s[32];
	s[threadIdx.x] = in[threadIdx.x];
	out[threadIdx.x] = s[31 - threadIdx.x];
}

KERNEL(diverges, float *out) {
	__shared__ float s[64];
	s[threadIdx.x] = 1;
	if (threadIdx.x < 32) {
		__syncthreads();
		out[threadIdx.x] = s[63 - threadIdx.x];
	} else {
		__syncthreads();
		out[threadIdx.x] = 2 * s[63 - threadIdx.x];
	}
}

KERNEL(returns_early, float *out, int n) {
	if ((int)threadIdx.x >= n) return;
	__syncthreads();
	out[threadIdx.x] = 1;
}

KERNEL(shuffles_alone, float *out, int n) {
	float x = 1;
	if ((int)threadIdx.x < n) x = __shfl_xor_sync(0xffffffffu, x, 16);
	out[threadIdx.x] = x;
}

KERNEL(writes_past_end, float *out, int n) {
	int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
	if (i <= n) out[i] = 1;
}

KERNEL(writes_past_shared, float *out, int n) {
	DYN_SHARED(float, tile); // [n]
	for (int i = (int)threadIdx.x; i <= n; i += (int)blockDim.x) tile[i] = 1;
	__syncthreads();
	out[threadIdx.x] = tile[threadIdx.x];
}

KERNEL(reads_unwritten, float *out) {
	__shared__ float s[64];
	if (threadIdx.x != 5) s[threadIdx.x] = 1;
	__syncthreads();
	out[threadIdx.x] = s[threadIdx.x];
}

KERNEL(follows, float *out, float *const *pointers) { out[threadIdx.x] = pointers[0][threadIdx.x]; }

KERNEL(depends_on_order, float *out) { out[0] = (float)blockIdx.x; }

KERNEL(divides_by_zero, int *out, int n) { out[threadIdx.x] = 1000 / (n - (int)threadIdx.x); }

KERNEL(writes_four_at, float *out, int at) { *vector4_at(out + at) = Vector4{1, 2, 3, 4}; }
