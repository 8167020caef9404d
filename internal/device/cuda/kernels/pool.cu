// One row of the rows of each sequence.
#include "elements.h"

enum Pooling { POOL_MEAN, POOL_MAX }; // as package op numbers them

template <class T> DEVFN void pool(T *y, const T *x, const int *starts, int sequences, int width, int kind) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(sequences, width);
	if (!c.left) return;
	int first = starts[c.row], last = starts[c.row + 1];
	float scale = 1.0f / (float)(last - first);
	each_group<N>(c.left, width % N == 0 && all_aligned(y, x), [&](auto count, int j) {
		auto pooled = all_of<count.n>(0);
#pragma unroll 4
		for (int token = first; token < last; token++) {
			auto f = loaded<count.n>(x + (size_t)token * width + c.column + j);
			for (int i = 0; i < count.n; i++) {
				float v = f.at[i];
				if (kind == POOL_MEAN) pooled.at[i] += scale * v;
				else if (token == first || v > pooled.at[i] || v != v) pooled.at[i] = v; // NaN stays
			}
		}
		store(y + c.at + j, pooled);
	});
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
	each_group<N>(c.left, width % N == 0 && all_aligned(dx, dy, y, x), [&](auto count, int j) {
		auto d = loaded<count.n>(dy + c.at + j), pooled = all_of<count.n>(0);
		if (kind == POOL_MEAN) {
			float scale = 1.0f / (float)(last - first);
			for (int i = 0; i < count.n; i++) d.at[i] *= scale;
		} else {
			load(pooled, y + c.at + j);
		}
		for (int token = first; token < last; token++) {
			size_t at = (size_t)token * width + c.column + j;
			auto g = d;
			if (kind == POOL_MAX) {
				auto f = loaded<count.n>(x + at);
				for (int i = 0; i < count.n; i++) {
					bool here = f.at[i] == pooled.at[i];
					g.at[i] = here ? d.at[i] : 0;
					if (here) d.at[i] = 0; // the first of several maxima has it all
				}
			}
			put_aligned(dx + at, g, accumulate);
		}
	});
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
