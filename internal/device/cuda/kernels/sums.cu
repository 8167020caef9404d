// Sums over the rows of a matrix and over a flat buffer.
#include "column_sums.h"

template <class T> DEVFN void column_partials(
	float *partials, const T *x, int rows, int width, int stride, int rows_of_block, float (&shared)[WARPS][STRIP]) {
	Strip s = strip_of(rows, width, rows_of_block);
	Four sum = all_four(0);
	for (int row = s.first; row < s.last; row += WARPS) {
		Four f = read4(x + (size_t)row * stride + s.column, s.left);
		for (int j = 0; j < 4; j++) sum.at[j] += f.at[j];
	}
	add_warps(partials + (size_t)blockIdx.y * width, sum, s, shared);
}

// The first stage of the sums of x over its rows. partials [blocks, width], blocks and rows_of_block from RowBlocks;
// x [rows, width], its rows stride apart. Grid: (⌈width/128⌉, blocks).
KERNEL_OF(THREADS, column_partials_float, float *partials, const float *x, int rows, int width, int stride,
	int rows_of_block) {
	__shared__ float shared[WARPS][STRIP];
	column_partials(partials, x, rows, width, stride, rows_of_block, shared);
}

// The second stage: out[j] = Σ_b partials[b, j], or out[j] += it. out [width]; partials [blocks, width], its rows
// stride apart. Warp w of a block adds up the rows w, w+32, ... of 32 columns, then warps are added in order. Grid:
// ⌈width/32⌉.
KERNEL_OF(1024, column_sums, float *out, const float *partials, int blocks, int width, int stride, int accumulate) {
	__shared__ float shared[32][32];
	int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, column = blockIdx.x * 32 + lane;
	float sum = 0;
	if (column < width)
		for (int b = warp; b < blocks; b += 32) sum += partials[(size_t)b * stride + column];
	shared[warp][lane] = sum;
	__syncthreads();
	if (warp > 0 || column >= width) return;
	for (int w = 1; w < smaller(32, blocks); w++) sum += shared[w][lane];
	out[column] = accumulate ? out[column] + sum : sum;
}

// The first stage of Σ x². partials [blocks], blocks and block, the elements of one, from ElementBlocks; x [n]. Grid:
// blocks.
KERNEL_OF(THREADS, square_partials, double *partials, const float *x, size_t n, size_t block) {
	__shared__ double shared[THREADS];
	size_t first = blockIdx.x * block, last = first + block < n ? first + block : n;
	double sum = 0;
	for (size_t i = first + threadIdx.x * 4; i < last; i += THREADS * 4) {
		Four f = read4(x + i, last - i < 4 ? (int)(last - i) : 4);
		for (int j = 0; j < 4; j++) sum += (double)f.at[j] * (double)f.at[j];
	}
	sum = add_threads(sum, shared);
	if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

// The second stage: out = Σ_b partials[b]. out a scalar; partials [blocks]. Grid: 1.
KERNEL_OF(THREADS, total_partials, double *out, const double *partials, int blocks) {
	__shared__ double shared[THREADS];
	double sum = 0;
	for (int b = threadIdx.x; b < blocks; b += THREADS) sum += partials[b];
	sum = add_threads(sum, shared);
	if (threadIdx.x == 0) *out = sum;
}
