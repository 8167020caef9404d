// Normalisation of rows, with dropout and residual. A warp works through a row, of which a lane has four columns of
// 128.
#include "column_sums.h"
#include "dropout.h"
#include "warp.h"

enum NormKind { NORM_UER, NORM_RMS, NORM_STANDARD }; // as package op numbers them

// row_of_warp is for a grid of ⌈count/8⌉ blocks.
DEVFN int row_of_warp() { return blockIdx.x * WARPS + (threadIdx.x >> 5); }
DEVFN int first_column() { return (threadIdx.x & 31) * 4; }

// divisor is what the centred row is divided by: s + ε, or the root alone.
DEVFN float divisor(int kind, float epsilon, float deviation) {
	return kind == NORM_UER ? deviation + epsilon : deviation;
}

// norm_input writes sum = dropout(x) + residual, unless sum is null, and returns the lane's part of its total.
template <class T>
DEVFN float norm_input(T *sum, const T *x, const T *residual, int width, const Dropout &d, uint64_t row_key) {
	float total = 0;
	for (int column = first_column(); column < width; column += 128) {
		int left = width - column;
		Four f = read4(x + column, left);
		if (sum) {
			for (int j = 0; j < 4; j++) f.at[j] = dropped(d, row_key, column + j, f.at[j]);
			if (residual) {
				Four r = read4(residual + column, left);
				for (int j = 0; j < 4; j++) f.at[j] += r.at[j];
			}
			write4(sum + column, f, left);
		}
		for (int j = 0; j < 4; j++) total += j < left ? f.at[j] : 0;
	}
	return total;
}

template <class T> DEVFN void norm(T *y, T *sum, float *stats, const T *x, const T *residual, const int *rows,
	const float *gamma, const float *beta, int count, int width, int kind, float epsilon, const Dropout &d) {
	int row = row_of_warp();
	if (row >= count) return;
	size_t at = (size_t)row * width;
	float total = warp_sum(norm_input(
		sum ? sum + at : sum, x + at, residual ? residual + at : residual, width, d, dropout_row(d, rows, row)));
	float mean = kind != NORM_RMS ? total / (float)width : 0, squares = 0;
	const T *normed = (sum ? sum : x) + at; // a lane reads what it wrote itself
	for (int column = first_column(); column < width; column += 128) {
		int left = width - column;
		Four f = read4(normed + column, left);
		for (int j = 0; j < 4; j++)
			if (j < left) squares = fmaf(f.at[j] - mean, f.at[j] - mean, squares);
	}
	squares = warp_sum(squares);
	float deviation =
		kind == NORM_UER ? sqrtf(squares / (float)larger(width - 1, 1)) : sqrtf(squares / (float)width + epsilon);
	if ((threadIdx.x & 31) == 0) stats[2 * row] = mean, stats[2 * row + 1] = deviation;
	float inverse = 1.0f / divisor(kind, epsilon, deviation);
	for (int column = first_column(); column < width; column += 128) {
		int left = width - column;
		Four f = read4(normed + column, left), g = read4(gamma + column, left), b = all_four(0);
		if (beta) b = read4(beta + column, left);
		for (int j = 0; j < 4; j++) f.at[j] = fmaf((f.at[j] - mean) * inverse, g.at[j], b.at[j]);
		write4(y + at + column, f, left);
	}
}

// sum = dropout(x) + residual, and y = norm(sum), with the kinds of norm as package op numbers them:
//   0: y = γ (sum-μ)/(s+ε) + β, s² = Σ(sum-μ)²/(width-1)
//   1: y = γ sum/√(mean(sum²)+ε)
//   2: y = γ (sum-μ)/√(mean((sum-μ)²)+ε) + β
// If sum is null, y = norm(x). stats gets μ (0 for kind 1) and s or the root. y, sum, x, residual [count, width],
// residual may be null; stats [count, 2]; rows [count], not read if threshold is 0; gamma, beta [width], beta may be
// null. sum may be x or residual. Grid: ⌈count/8⌉.
KERNEL_OF(THREADS, norm_float, float *y, float *sum, float *stats, const float *x, const float *residual,
	const int *rows, const float *gamma, const float *beta, int count, int width, int kind, float epsilon, DROPOUT) {
	Dropout d = DROPOUT_OF;
	norm(y, sum, stats, x, residual, rows, gamma, beta, count, width, kind, epsilon, d);
}

template <class T> DEVFN void norm_gradient(T *dx, T *dresidual, const T *dy, const T *sum, const float *stats,
	const int *rows, const float *gamma, int count, int width, int kind, float epsilon, const Dropout &d, int accumulate_x,
	int accumulate_residual) {
	int row = row_of_warp();
	if (row >= count) return;
	size_t at = (size_t)row * width;
	float mean = stats[2 * row], deviation = stats[2 * row + 1], slope = 0, product = 0; // Σ g, Σ g c
	for (int column = first_column(); column < width; column += 128) {
		int left = width - column;
		Four g = read4(dy + at + column, left), c = read4(sum + at + column, left), w = read4(gamma + column, left);
		for (int j = 0; j < 4; j++) {
			g.at[j] *= w.at[j]; // 0 past the end
			slope += g.at[j], product = fmaf(g.at[j], c.at[j] - mean, product);
		}
	}
	slope = warp_sum(slope), product = warp_sum(product);
	double s = deviation, q = kind == NORM_UER ? s + (double)epsilon : s;
	double scale = kind == NORM_UER ? q * q * s * larger(width - 1, 1) : q * q * q * width;
	float inverse = (float)(1 / q), factor = s == 0 ? 0 : (float)(product / scale),
		  shift = kind != NORM_RMS ? slope / (float)width : 0;
	uint64_t row_key = dropout_row(d, rows, row);
	for (int column = first_column(); column < width; column += 128) {
		int left = width - column;
		Four g = read4(dy + at + column, left), c = read4(sum + at + column, left), w = read4(gamma + column, left);
		for (int j = 0; j < 4; j++) g.at[j] = (g.at[j] * w.at[j] - shift) * inverse - (c.at[j] - mean) * factor;
		if (dresidual) put4(dresidual + at + column, g, left, accumulate_residual);
		if (!dx) continue;
		for (int j = 0; j < 4; j++) g.at[j] = dropped(d, row_key, column + j, g.at[j]);
		put4(dx + at + column, g, left, accumulate_x);
	}
}

// The gradient of norm_float in the row: with c = sum-μ, q the divisor and g = γ dy,
//   0: dresidual = (g - mean(g))/q - c Σ(g c)/(q² s (width-1)), without the second term where s = 0
//   1: dresidual = g/q - c Σ(g c)/(q³ width)
//   2: dresidual = (g - mean(g))/q - c Σ(g c)/(q³ width)
// and dx = dropout(dresidual); or adds them. Either may be null. dx, dresidual, dy, sum (x where there was no sum)
// [count, width]; stats [count, 2]; rows [count], not read if threshold is 0; gamma [width]. Grid: ⌈count/8⌉.
KERNEL_OF(THREADS, norm_gradient_float, float *dx, float *dresidual, const float *dy, const float *sum,
	const float *stats, const int *rows, const float *gamma, int count, int width, int kind, float epsilon, DROPOUT,
	int accumulate_x, int accumulate_residual) {
	Dropout d = DROPOUT_OF;
	norm_gradient(
		dx, dresidual, dy, sum, stats, rows, gamma, count, width, kind, epsilon, d, accumulate_x, accumulate_residual);
}

template <class T> DEVFN void norm_parameter_partials(float *partials, const T *dy, const T *sum, const float *stats,
	int count, int width, int rows_of_block, int kind, float epsilon, float (&shared)[WARPS][STRIP]) {
	Strip s = strip_of(count, width, rows_of_block);
	Four dgamma = all_four(0), dbeta = all_four(0);
	for (int row = s.first; row < s.last; row += WARPS) {
		size_t at = (size_t)row * width + s.column;
		float mean = stats[2 * row], inverse = 1.0f / divisor(kind, epsilon, stats[2 * row + 1]);
		Four d = read4(dy + at, s.left), f = read4(sum + at, s.left);
		for (int j = 0; j < 4; j++) {
			dgamma.at[j] = fmaf(d.at[j], (f.at[j] - mean) * inverse, dgamma.at[j]);
			dbeta.at[j] += d.at[j];
		}
	}
	partials += (size_t)blockIdx.y * 2 * width;
	add_warps(partials, dgamma, s, shared);
	add_warps(partials + width, dbeta, s, shared);
}

// The first stage of the gradients of γ, Σ dy (sum-μ)/q, and of β, Σ dy, over the rows. partials [blocks, 2, width],
// blocks and rows_of_block from RowBlocks; column_sums with a stride of 2 width is the second stage. dy, sum [count,
// width]; stats [count, 2]. Grid: (⌈width/128⌉, blocks).
KERNEL_OF(THREADS, norm_parameter_partials_float, float *partials, const float *dy, const float *sum,
	const float *stats, int count, int width, int rows_of_block, int kind, float epsilon) {
	__shared__ float shared[WARPS][STRIP];
	norm_parameter_partials(partials, dy, sum, stats, count, width, rows_of_block, kind, epsilon, shared);
}
