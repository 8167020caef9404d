// One row of the rows of each sequence.
#include "elements.h"

enum Pooling { POOL_MEAN, POOL_MAX }; // as package op numbers them

template <class T> DEVFN void pool(T *y, const T *x, const int *starts, int sequences, int width, int kind) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(sequences, width);
	if (!c.left) return;
	int first = starts[c.row], last = starts[c.row + 1];
	float scale = 1.0f / (float)(last - first);
	Elements<N> pooled = all_of<N>(0);
#pragma unroll 4
	for (int token = first; token < last; token++) {
		Elements<N> f = read<N>(x + (size_t)token * width + c.column, c.left);
		for (int j = 0; j < N; j++) {
			float v = f.at[j];
			if (kind == POOL_MEAN) pooled.at[j] += scale * v;
			else if (token == first || v > pooled.at[j] || v != v) pooled.at[j] = v; // NaN stays
		}
	}
	write(y + c.at, pooled, c.left);
}

// y[s] = the mean (kind 0) or maximum (kind 1) of x over the tokens of sequence s; 0 if it has none. y [sequences,
// width]; x [tokens, width]; starts [sequences+1]. Grid: ⌈sequences·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, pool_float, float *y, const float *x, const int *starts, int sequences, int width, int kind) {
	pool(y, x, starts, sequences, width, kind);
}

// As pool_float. Grid: ⌈sequences·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, pool_bf16, bf16 *y, const bf16 *x, const int *starts, int sequences, int width, int kind) {
	pool(y, x, starts, sequences, width, kind);
}

template <class T> DEVFN void pool_gradient(
	T *dx, const T *dy, const T *y, const T *x, const int *starts, int sequences, int width, int kind, int accumulate) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(sequences, width);
	if (!c.left) return;
	int first = starts[c.row], last = starts[c.row + 1];
	Elements<N> d = read<N>(dy + c.at, c.left), pooled = all_of<N>(0);
	if (kind == POOL_MEAN) {
		float scale = 1.0f / (float)(last - first);
		for (int j = 0; j < N; j++) d.at[j] *= scale;
	} else {
		pooled = read<N>(y + c.at, c.left);
	}
	for (int token = first; token < last; token++) {
		size_t at = (size_t)token * width + c.column;
		Elements<N> g = d;
		if (kind == POOL_MAX) {
			Elements<N> f = read<N>(x + at, c.left);
			for (int j = 0; j < N; j++) {
				bool here = f.at[j] == pooled.at[j];
				g.at[j] = here ? d.at[j] : 0;
				if (here) d.at[j] = 0; // the first of several maxima has it all
			}
		}
		put(dx + at, g, c.left, accumulate);
	}
}

// dx = dy/length for the mean (kind 0); for the maximum (kind 1) dy where x first equals y, else 0; or += it. dx, x
// [tokens, width]; dy, y [sequences, width], y and x not read for the mean; starts [sequences+1]. Grid:
// ⌈sequences·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, pool_gradient_float, float *dx, const float *dy, const float *y, const float *x, const int *starts,
	int sequences, int width, int kind, int accumulate) {
	pool_gradient(dx, dy, y, x, starts, sequences, width, kind, accumulate);
}

// As pool_gradient_float. Grid: ⌈sequences·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, pool_gradient_bf16, bf16 *dx, const bf16 *dy, const bf16 *y, const bf16 *x, const int *starts,
	int sequences, int width, int kind, int accumulate) {
	pool_gradient(dx, dy, y, x, starts, sequences, width, kind, accumulate);
}
