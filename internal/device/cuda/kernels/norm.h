// Normalisation of rows, with dropout and residual: what the kernels for activations of several types share. A warp works
// through a row, of which a lane has N columns of 32 N.
#pragma once
#include "column_sums.h"
#include "dropout.h"
#include "warp.h"

enum NormKind { NORM_UER, NORM_RMS, NORM_STANDARD }; // as package op numbers them

// row_of_warp is for a grid of ⌈count/8⌉ blocks.
DEVFN int row_of_warp() { return blockIdx.x * WARPS + (threadIdx.x >> 5); }
template <int N> DEVFN int first_column() { return (threadIdx.x & 31) * N; }

// divisor is what the centred row is divided by: s + ε, or the root alone.
DEVFN float divisor(int kind, float epsilon, float deviation) {
	return kind == NORM_UER ? deviation + epsilon : deviation;
}

// norm_input writes sum = dropout(x) + residual, unless sum is null, and returns the lane's part of its total.
template <class T>
DEVFN float norm_input(T *sum, const T *x, const T *residual, int width, const Dropout &d, uint64_t row_key) {
	const int N = GROUP<T>;
	float total = 0;
	for (int column = first_column<N>(); column < width; column += 32 * N) {
		int left = width - column;
		Elements<N> f = read<N>(x + column, left);
		if (sum) {
			for (int j = 0; j < N; j++) f.at[j] = dropped(d, row_key, column + j, f.at[j]);
			if (residual) {
				Elements<N> r = read<N>(residual + column, left);
				for (int j = 0; j < N; j++) f.at[j] += r.at[j];
			}
			write(sum + column, f, left);
		}
		for (int j = 0; j < N; j++) total += j < left ? rounded(x, f.at[j]) : 0;
	}
	return total;
}

template <class T> DEVFN void norm(T *y, T *sum, float *stats, const T *x, const T *residual, const int *rows,
	const float *gamma, const float *beta, int count, int width, int kind, float epsilon, const Dropout &d) {
	const int N = GROUP<T>;
	int row = row_of_warp();
	if (row >= count) return;
	size_t at = (size_t)row * width;
	float total = warp_sum(norm_input(
		sum ? sum + at : sum, x + at, residual ? residual + at : residual, width, d, dropout_row(d, rows, row)));
	float mean = kind != NORM_RMS ? total / (float)width : 0, squares = 0;
	const T *normed = (sum ? sum : x) + at; // a lane reads what it wrote itself
	for (int column = first_column<N>(); column < width; column += 32 * N) {
		int left = width - column;
		Elements<N> f = read<N>(normed + column, left);
		for (int j = 0; j < N; j++)
			if (j < left) squares = fmaf(f.at[j] - mean, f.at[j] - mean, squares);
	}
	squares = warp_sum(squares);
	float deviation =
		kind == NORM_UER ? sqrtf(squares / (float)larger(width - 1, 1)) : sqrtf(squares / (float)width + epsilon);
	if ((threadIdx.x & 31) == 0) stats[2 * row] = mean, stats[2 * row + 1] = deviation;
	float inverse = 1.0f / divisor(kind, epsilon, deviation);
	for (int column = first_column<N>(); column < width; column += 32 * N) {
		int left = width - column;
		Elements<N> f = read<N>(normed + column, left), g = read<N>(gamma + column, left), b = all_of<N>(0);
		if (beta) b = read<N>(beta + column, left);
		for (int j = 0; j < N; j++) f.at[j] = fmaf((f.at[j] - mean) * inverse, g.at[j], b.at[j]);
		write(y + at + column, f, left);
	}
}

// norm_gradient is that of one row.
template <class T> DEVFN void norm_gradient(T *dx, T *dresidual, const T *dy, const T *sum, const float *stats,
	const int *rows, const float *gamma, int row, int width, int kind, float epsilon, const Dropout &d, int accumulate_x,
	int accumulate_residual) {
	const int N = GROUP<T>;
	size_t at = (size_t)row * width;
	float mean = stats[2 * row], deviation = stats[2 * row + 1], slope = 0, product = 0; // Σ g, Σ g c
	for (int column = first_column<N>(); column < width; column += 32 * N) {
		int left = width - column;
		Elements<N> g = read<N>(dy + at + column, left), c = read<N>(sum + at + column, left),
					w = read<N>(gamma + column, left);
		for (int j = 0; j < N; j++) {
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
	for (int column = first_column<N>(); column < width; column += 32 * N) {
		int left = width - column;
		Elements<N> g = read<N>(dy + at + column, left), c = read<N>(sum + at + column, left),
					w = read<N>(gamma + column, left);
		for (int j = 0; j < N; j++) g.at[j] = (g.at[j] * w.at[j] - shift) * inverse - (c.at[j] - mean) * factor;
		if (dresidual) put(dresidual + at + column, g, left, accumulate_residual);
		if (!dx) continue;
		for (int j = 0; j < N; j++) g.at[j] = dropped(d, row_key, column + j, g.at[j]);
		put(dx + at + column, g, left, accumulate_x);
	}
}

// norm_parameter_partials are the block's sums in a strip. partials [2, width].
template <class T> DEVFN void norm_parameter_partials(float *partials, const T *dy, const T *sum, const float *stats,
	const Strip &s, int width, int kind, float epsilon, float (&shared)[WARPS][STRIP<T>]) {
	const int N = GROUP<T>;
	Elements<N> dgamma = all_of<N>(0), dbeta = all_of<N>(0);
	for (int row = s.first; row < s.last; row += WARPS) {
		size_t at = (size_t)row * width + s.column;
		float mean = stats[2 * row], inverse = 1.0f / divisor(kind, epsilon, stats[2 * row + 1]);
		Elements<N> d = read<N>(dy + at, s.left), f = read<N>(sum + at, s.left);
		for (int j = 0; j < N; j++) {
			dgamma.at[j] = fmaf(d.at[j], (f.at[j] - mean) * inverse, dgamma.at[j]);
			dbeta.at[j] += d.at[j];
		}
	}
	keep_sums(shared, dgamma, 0);
	add_warps(partials, s, shared);
	keep_sums(shared, dbeta, 0);
	add_warps(partials + width, s, shared);
}
