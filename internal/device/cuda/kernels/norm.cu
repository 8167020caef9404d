// Normalisation of rows, with dropout and residual. A warp works through a row.
#include "norm.h"

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
	int row = row_of_warp();
	if (row >= count) return;
	norm_gradient(
		dx, dresidual, dy, sum, stats, rows, gamma, row, width, kind, epsilon, d, accumulate_x, accumulate_residual);
}

// The first stage of the gradients of γ, Σ dy (sum-μ)/q, and of β, Σ dy, over the rows: column_sums is the
// second. partials [blocks, 2, width], blocks and rows_of_block from RowBlocks; dy, sum [count, width]; stats [count,
// 2]. Grid: (⌈width/128⌉, blocks).
KERNEL_OF(THREADS, norm_parameter_partials_float, float *partials, const float *dy, const float *sum,
	const float *stats, int count, int width, int rows_of_block, int kind, float epsilon) {
	__shared__ float shared[WARPS][STRIP<float>];
	Strip s = strip_of(count, width, rows_of_block);
	partials += (size_t)blockIdx.y * 2 * width;
	norm_parameter_partials(partials, dy, sum, stats, s, width, kind, epsilon, shared);
}
