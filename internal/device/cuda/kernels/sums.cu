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

// ColumnSum is a second stage, of which one launch makes several. Those that are left out have width 0.
struct ColumnSum {
	float *out;            // [width]
	const float *partials; // [blocks, width], the rows stride apart
	int blocks, width, stride, accumulate;
};
const int MOST_SUMS = 10;
#define COLUMN_SUMS \
	float *out_a, const float *partials_a, int blocks_a, int width_a, int stride_a, int accumulate_a, \
	float *out_b, const float *partials_b, int blocks_b, int width_b, int stride_b, int accumulate_b, \
	float *out_c, const float *partials_c, int blocks_c, int width_c, int stride_c, int accumulate_c, \
	float *out_d, const float *partials_d, int blocks_d, int width_d, int stride_d, int accumulate_d, \
	float *out_e, const float *partials_e, int blocks_e, int width_e, int stride_e, int accumulate_e, \
	float *out_f, const float *partials_f, int blocks_f, int width_f, int stride_f, int accumulate_f, \
	float *out_g, const float *partials_g, int blocks_g, int width_g, int stride_g, int accumulate_g, \
	float *out_h, const float *partials_h, int blocks_h, int width_h, int stride_h, int accumulate_h, \
	float *out_i, const float *partials_i, int blocks_i, int width_i, int stride_i, int accumulate_i, \
	float *out_j, const float *partials_j, int blocks_j, int width_j, int stride_j, int accumulate_j
#define COLUMN_SUMS_OF \
	{ \
		{out_a, partials_a, blocks_a, width_a, stride_a, accumulate_a}, \
		{out_b, partials_b, blocks_b, width_b, stride_b, accumulate_b}, \
		{out_c, partials_c, blocks_c, width_c, stride_c, accumulate_c}, \
		{out_d, partials_d, blocks_d, width_d, stride_d, accumulate_d}, \
		{out_e, partials_e, blocks_e, width_e, stride_e, accumulate_e}, \
		{out_f, partials_f, blocks_f, width_f, stride_f, accumulate_f}, \
		{out_g, partials_g, blocks_g, width_g, stride_g, accumulate_g}, \
		{out_h, partials_h, blocks_h, width_h, stride_h, accumulate_h}, \
		{out_i, partials_i, blocks_i, width_i, stride_i, accumulate_i}, \
		{out_j, partials_j, blocks_j, width_j, stride_j, accumulate_j} \
	}

// The second stage, of up to ten sums: out[j] = Σ_b partials[b, j], or out[j] += it. out [width]; partials [blocks, width],
// its rows stride apart. No output is in two of the sums. Grid: Σ ⌈width/32⌉.
KERNEL_OF(1024, column_sums, COLUMN_SUMS) {
	__shared__ float shared[32][32];
	const ColumnSum sums[MOST_SUMS] = COLUMN_SUMS_OF;
	ColumnSum s = sums[0];
	int column = blockIdx.x * 32; // of s
#pragma unroll
	for (int i = 1; i < MOST_SUMS; i++)
		if (column >= s.width) column -= (s.width + 31) & ~31, s = sums[i];
	column += threadIdx.x & 31;
	float sum = column_sum(s.partials + column, s.blocks, s.stride, column < s.width, shared);
	if (threadIdx.x < 32 && column < s.width) s.out[column] = s.accumulate ? s.out[column] + sum : sum;
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
