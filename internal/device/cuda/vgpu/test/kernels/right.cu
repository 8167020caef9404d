// Kernels for the tests of the stand-in. right.ptx is made by
//
//	clang++-19 -x cuda --cuda-device-only -nocudainc -nocudalib -O3 -ffp-contract=off -std=c++17 --cuda-gpu-arch=sm_80 \
//	    --cuda-feature=+ptx71 -S right.cu -o right.ptx
#include "dialect.h"

KERNEL(add, float *out, const float *a, const float *b, int n) {
	int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
	if (i < n) out[i] = a[i] + b[i];
}

struct Scale {
	float factor;
	int n;
	const float *from;
};
KERNEL(scale_by_value, float *out, Scale scale, double shift) {
	int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
	if (i < scale.n) out[i] = (float)((double)(scale.factor * scale.from[i]) + shift);
}

// block_reverse turns the order of the 64 elements of each block around.
KERNEL(block_reverse, float *out, const float *in) {
	__shared__ float s[64];
	s[threadIdx.x] = in[blockIdx.x * 64 + threadIdx.x];
	__syncthreads();
	out[blockIdx.x * 64 + threadIdx.x] = s[63 - threadIdx.x];
}

// block_sums adds 256 elements a block: by warps, by shared memory, and by halves of a tile that the launch gives.
KERNEL(block_sums, float *out, const float *in, int halves) {
	DYN_SHARED(float, tile); // [halves]
	__shared__ float warps[8];
	float x = in[blockIdx.x * 256 + threadIdx.x];
	for (int d = 16; d > 0; d >>= 1) x += __shfl_xor_sync(0xffffffffu, x, d);
	if ((threadIdx.x & 31) == 0) warps[threadIdx.x >> 5] = x;
	__syncthreads();
	if (threadIdx.x < halves) tile[threadIdx.x] = warps[threadIdx.x] + warps[threadIdx.x + halves];
	for (int h = halves >> 1; h > 0; h >>= 1) {
		__syncthreads();
		if (threadIdx.x < h) tile[threadIdx.x] += tile[threadIdx.x + h];
	}
	if (threadIdx.x == 0) out[blockIdx.x] = tile[0];
}

// numbers has what else the translator knows, in ways that both twins have to agree on.
KERNEL(numbers, unsigned *out, const float *in, uint64_t key, unsigned n) {
	unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= n) return;
	float x = in[i];
	uint64_t z = key ^ (uint64_t)i * 0xd1342543de82ef95ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	int s = (int)(z >> 33) - (int)i, t = (int)floorf(x * 16.0f);
	unsigned short h = (unsigned short)(z >> 7);
	signed char c = (signed char)(z >> 11);
	float y = fmaf(x, (float)(unsigned)z, sqrtf(x * x + 1.0f) / (x + 3.0f));
	y = fmaxf(y, x < 0 ? -x : (float)(s % 1000));
	double d = (double)y * 1.25 - (double)(long)(z >> 20);
	unsigned votes = __ballot_sync(0xffffffffu, x > 0.5f);
	float part = __shfl_down_sync(0xffffffffu, y, 3, 8);
	unsigned a[4] = {(unsigned)s / (i + 1), (unsigned)(s / 7), (unsigned)t >> (i & 31), h * 3u + (unsigned)c};
	for (int k = 0; k < (int)(z & 3); k++) a[k & 3] ^= a[(k + 1) & 3] << (k + (i & 7)); // an array in local memory
	unsigned sum = a[0] + a[1] * 3 + a[2] * 5 + a[3] * 7;
	out[4 * i] = sum, out[4 * i + 1] = __builtin_bit_cast(unsigned, y);
	out[4 * i + 2] = votes ^ __builtin_bit_cast(unsigned, part);
	out[4 * i + 3] = (unsigned)__builtin_bit_cast(uint64_t, d) + (unsigned)(__builtin_bit_cast(uint64_t, d) >> 32);
}

KERNEL(count, int *counter) { atomicAdd(counter, 1); }

// spin takes its time, so that what comes after has to wait.
KERNEL(spin, float *out, int turns) {
	float x = 1;
	for (int i = 0; i < turns; i++) x = fmaf(x, 1.0000001f, 1e-7f);
	if (threadIdx.x == 0) *out = x;
}
