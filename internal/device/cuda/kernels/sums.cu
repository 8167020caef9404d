// Sums over the rows of a matrix and over a flat buffer.
#include "column_sums.h"

template <class T>
DEVFN void column_partials(float *partials, const T *x, int rows, int width, int stride, int rows_of_block,
	float (&shared)[WARPS][STRIP<T>]) {
	const int N = GROUP<T>;
	Strip s = strip_of<N>(rows, width, rows_of_block);
	each_group<N>(s.left, stride % N == 0 && all_aligned(x), [&](auto count, int j) {
		auto sum = all_of<count.n>(0);
#pragma unroll 1
		for (int first = s.first; first < s.last; first += N * WARPS) { // N rows at once, however many are left
			decltype(packed<count.n>(x)) f[N];
#pragma unroll
			for (int k = 0; k < N; k++) {
				int row = first + k * WARPS;
				if (row < s.last) f[k] = packed<count.n>(x + (size_t)row * stride + s.column + j);
			}
#pragma unroll
			for (int k = 0; k < N; k++) {
				if (first + k * WARPS >= s.last) continue;
				auto added = unpack(f[k]);
				for (int i = 0; i < count.n; i++) sum.at[i] += added.at[i];
			}
		}
		keep_sums(shared, sum, j);
	});
	add_warps(partials + (size_t)blockIdx.y * width, s, shared);
}

// The first stage of the sums of x over its rows. partials [blocks, width], blocks and rows_of_block from RowBlocks;
// x [rows, width], its rows stride apart. Grid: (⌈width/128⌉, blocks).
KERNEL_OF(THREADS, column_partials_float, float *partials, const float *x, int rows, int width, int stride,
	int rows_of_block) {
	__shared__ float shared[WARPS][STRIP<float>];
	column_partials(partials, x, rows, width, stride, rows_of_block, shared);
}

// As column_partials_float. Grid: (⌈width/256⌉, blocks).
KERNEL_OF(THREADS, column_partials_bf16, float *partials, const bf16 *x, int rows, int width, int stride,
	int rows_of_block) {
	__shared__ float shared[WARPS][STRIP<bf16>];
	column_partials(partials, x, rows, width, stride, rows_of_block, shared);
}

// column_sum is the sum of a column of partials [blocks, ·]. Warp w of a block adds up the rows w, w+32, ..., then warps are
// added in order. All threads call it; those of warp 0 get the sum.
DEVFN float column_sum(const float *partials, int blocks, size_t stride, bool inside, float (&shared)[32][32]) {
	int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
	float sum = 0;
	if (inside)
#pragma unroll 8
		for (int b = warp; b < blocks; b += 32) sum += partials[b * stride];
	shared[warp][lane] = sum;
	__syncthreads();
	float others[32];
#pragma unroll
	for (int w = 1; w < 32; w++) others[w] = shared[w][lane];
#pragma unroll
	for (int w = 1; w < 32; w++) sum = w < blocks ? sum + others[w] : sum;
	return sum;
}

// The second stage: out[j] = Σ_b partials[b, j], or out[j] += it. out [width]; partials [blocks, width], its rows
// stride apart. Grid: ⌈width/32⌉.
KERNEL_OF(1024, column_sums, float *out, const float *partials, int blocks, int width, int stride, int accumulate) {
	__shared__ float shared[32][32];
	int column = blockIdx.x * 32 + (threadIdx.x & 31);
	float sum = column_sum(partials + column, blocks, stride, column < width, shared);
	if (threadIdx.x < 32 && column < width) out[column] = accumulate ? out[column] + sum : sum;
}

// The second stage for the parameters of a norm: dgamma[j] = Σ_b partials[b, 0, j] and dbeta[j] = Σ_b partials[b, 1, j], or
// adds them; either may be null. dgamma, dbeta [width]; partials [blocks, 2, width]. Grid: ⌈2 width/32⌉.
KERNEL_OF(1024, norm_parameter_sums, float *dgamma, float *dbeta, const float *partials, int blocks, int width,
	int accumulate_gamma, int accumulate_beta) {
	__shared__ float shared[32][32];
	int column = blockIdx.x * 32 + (threadIdx.x & 31);
	float sum = column_sum(partials + column, blocks, 2 * (size_t)width, column < 2 * width, shared);
	if (threadIdx.x >= 32 || column >= 2 * width) return;
	float *out = column < width ? dgamma : dbeta;
	int at = column < width ? column : column - width, accumulate = column < width ? accumulate_gamma : accumulate_beta;
	if (out) out[at] = accumulate ? out[at] + sum : sum;
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
