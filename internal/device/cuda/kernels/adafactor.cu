// The update of Adafactor, as package op has it, of one tensor: a stack of matrices [count, rows, width], or one row
// [width]. The update of an element before clipping is d = g row_factor column_factor, with g its gradient and the
// factors of its row and its column.
//
// The launches for matrices: adafactor_row_sums, adafactor_column_partials, adafactor_row_moments,
// adafactor_column_moments, adafactor_square_partials, total_partials, adafactor_update. For a tensor of fewer than two
// axes adafactor_vector_moments takes the place of the first four. Nothing is updated if halted is set.
#include "column_sums.h"
#include "warp.h"

DEVFN int row_of_warp() { return blockIdx.x * WARPS + (threadIdx.x >> 5); }

// Moment averages squared gradients over the updates.
struct Moment {
	double beta, scale;
};

// next_moment is the moment after an update, given the sum of the squares of n gradients.
DEVFN double next_moment(const Moment &m, float old, float squares, int n) {
	double mean = (double)squares * m.scale * m.scale / n + 1e-30;
	return m.beta * old + (1 - m.beta) * mean;
}

// row_sums[r] = Σ_j g[r, j]²: a warp a row. row_sums [rows]; gradient [rows, width], the rows of all matrices. Grid:
// ⌈rows/8⌉.
KERNEL_OF(THREADS, adafactor_row_sums, float *row_sums, const float *gradient, int rows, int width) {
	int row = row_of_warp(), lane = threadIdx.x & 31;
	if (row >= rows) return;
	float sum = 0;
	for (int column = lane * 4; column < width; column += 128) {
		Four g = read4(gradient + (size_t)row * width + column, width - column);
		for (int j = 0; j < 4; j++) sum = fmaf(g.at[j], g.at[j], sum);
	}
	sum = warp_sum(sum);
	if (lane == 0) row_sums[row] = sum;
}

// The first stage of the sums of g² over the rows of each matrix. partials [count, blocks, width], blocks and
// rows_of_block from RowBlocks; gradient [count, rows, width]. Grid: ⌈count·blocks·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, adafactor_column_partials, float *partials, const float *gradient, int count, int rows, int width,
	int blocks, int rows_of_block) {
	Cell c = cell_of(count * blocks, width);
	if (!c.left) return;
	int matrix = c.row / blocks, first = c.row % blocks * rows_of_block, last = smaller(first + rows_of_block, rows);
	Four sum = all_four(0);
#pragma unroll 4
	for (int row = first; row < last; row++) {
		Four g = read4(gradient + ((size_t)matrix * rows + row) * width + c.column, c.left);
		for (int j = 0; j < 4; j++) sum.at[j] = fmaf(g.at[j], g.at[j], sum.at[j]);
	}
	write4(partials + c.at, sum, c.left);
}

// first = β first + (1-β) mean over columns of (factor g)², and row_factors = factor √(mean(first)/first), the mean
// over the rows of a matrix: a block each. row_factors, row_sums (which may be the same), first [count, rows]; factor,
// halted scalars. Grid: count.
KERNEL_OF(THREADS, adafactor_row_moments, float *row_factors, float *first, const float *row_sums, const double *factor,
	const float *halted, int rows, int width, double beta) {
	__shared__ double shared[THREADS];
	if (*halted != 0) return;
	Moment m = {beta, *factor};
	size_t begin = (size_t)blockIdx.x * rows;
	double sum = 0;
	for (int i = threadIdx.x; i < rows; i += THREADS) {
		double r = next_moment(m, first[begin + i], row_sums[begin + i], width);
		first[begin + i] = (float)r;
		sum += r;
	}
	shared[threadIdx.x] = sum;
	for (int half = THREADS / 2; half > 0; half /= 2) {
		__syncthreads();
		if ((int)threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
	}
	__syncthreads();
	double mean = shared[0] / rows;
	for (int i = threadIdx.x; i < rows; i += THREADS)
		row_factors[begin + i] = (float)(m.scale * sqrt(mean / (double)first[begin + i]));
}

// second = β second + (1-β) mean over rows of (factor g)², and column_factors = 1/√second. column_factors, second
// [count, width]; partials [count, blocks, width]; factor, halted scalars. Grid: ⌈count·width/256⌉.
KERNEL_OF(THREADS, adafactor_column_moments, float *column_factors, float *second, const float *partials,
	const double *factor, const float *halted, int count, int rows, int width, int blocks, double beta) {
	int i = blockIdx.x * THREADS + threadIdx.x;
	if (i >= count * width || *halted != 0) return;
	int matrix = i / width, column = i % width;
	float sum = 0;
	for (int b = 0; b < blocks; b++) sum += partials[((size_t)matrix * blocks + b) * width + column];
	Moment m = {beta, *factor};
	double v = next_moment(m, second[i], sum, rows);
	second[i] = (float)v;
	column_factors[i] = (float)(1 / sqrt(v));
}

// moment = β moment + (1-β) (factor g)², column_factors = 1/√moment, and row_factors = factor. column_factors, moment,
// gradient [width]; row_factors [1]; factor, halted scalars. Grid: ⌈width/256⌉.
KERNEL_OF(THREADS, adafactor_vector_moments, float *row_factors, float *column_factors, float *moment,
	const float *gradient, const double *factor, const float *halted, int width, double beta) {
	int i = blockIdx.x * THREADS + threadIdx.x;
	if (i >= width || *halted != 0) return;
	Moment m = {beta, *factor};
	double v = next_moment(m, moment[i], gradient[i] * gradient[i], 1);
	moment[i] = (float)v;
	column_factors[i] = (float)(1 / sqrt(v));
	if (i == 0) row_factors[0] = (float)m.scale;
}

// updates_of is d for four elements.
DEVFN Four updates_of(const float *gradient, const float *row_factors, const float *column_factors, int row, int column,
	int rows, int width) {
	Four d = read4(gradient + (size_t)row * width + column, width - column);
	Four f = read4(column_factors + (size_t)(row / rows) * width + column, width - column);
	for (int j = 0; j < 4; j++) d.at[j] = d.at[j] * row_factors[row] * f.at[j];
	return d;
}

// The first stage of Σ d²: a warp a row. partials [count·rows]; total_partials over them is the second stage. gradient
// [count, rows, width]; row_factors [count, rows]; column_factors [count, width]. Grid: ⌈count·rows/8⌉.
KERNEL_OF(THREADS, adafactor_square_partials, double *partials, const float *gradient, const float *row_factors,
	const float *column_factors, int count, int rows, int width) {
	int row = row_of_warp(), lane = threadIdx.x & 31;
	if (row >= count * rows) return;
	float sum = 0;
	for (int column = lane * 4; column < width; column += 128) {
		Four d = updates_of(gradient, row_factors, column_factors, row, column, rows, width);
		for (int j = 0; j < 4; j++) sum = fmaf(d.at[j], d.at[j], sum);
	}
	sum = warp_sum(sum);
	if (lane == 0) partials[row] = sum;
}

// p = p - decay p - rate d/max(1, √mean(d²)), the mean over the whole tensor, and half is p rounded to bfloat16; half may
// be null. p, half, gradient [count, rows, width]; row_factors [count, rows]; column_factors [count, width]; squares,
// which is Σ d², and halted scalars. decay is the rate times the weight decay. Grid: ⌈count·rows·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, adafactor_update, float *parameters, bf16 *half, const float *gradient, const float *row_factors,
	const float *column_factors, const double *squares, const float *halted, int count, int rows, int width,
	double rate, double decay) {
	Cell c = cell_of(count * rows, width);
	if (!c.left || *halted != 0) return;
	double mean = *squares / ((double)count * rows * width);
	float step = (float)(rate / (mean > 1 ? sqrt(mean) : 1)), shrink = (float)decay;
	Four p = read4(parameters + c.at, c.left),
		 d = updates_of(gradient, row_factors, column_factors, c.row, c.column, rows, width);
	for (int j = 0; j < 4; j++) p.at[j] = p.at[j] - shrink * p.at[j] - step * d.at[j];
	write4(parameters + c.at, p, c.left);
	if (half) write4(half + c.at, p, c.left);
}
