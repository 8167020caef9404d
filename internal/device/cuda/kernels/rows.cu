// Rows picked out of a matrix, and put back.
#include "elements.h"
#include "sequences.h"

template <class T> DEVFN void gather(T *y, const T *x, const int *index, int picked, int width) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(picked, width);
	if (!c.left) return;
	x += (size_t)index[c.row] * width + c.column;
	each_group<N>(c.left, width % N == 0 && all_aligned(y, x), [&](auto count, int j) {
		store(y + c.at + j, loaded<count.n>(x + j));
	});
}

// y[i] = x[index[i]]. y [picked, width]; x [rows, width]; index [picked]. Grid: ⌈picked·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, gather_float, float *y, const float *x, const int *index, int picked, int width) {
	gather(y, x, index, picked, width);
}

// As gather_float. Grid: ⌈picked·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, gather_bf16, bf16 *y, const bf16 *x, const int *index, int picked, int width) {
	gather(y, x, index, picked, width);
}

template <class T>
DEVFN void scatter(T *dx, const T *dy, const int *index, int rows, int width, int picked, int accumulate) {
	const int N = GROUP<T>;
	Cell c = cell_of<N>(rows, width);
	if (!c.left) return;
	int i = last_at_most(index, picked, c.row);
	bool picks = i >= 0 && index[i] == c.row;
	if (!picks && accumulate) return;
	dy += (size_t)i * width + c.column;
	each_group<N>(c.left, width % N == 0 && all_aligned(dx, dy), [&](auto count, int j) {
		auto f = all_of<count.n>(0);
		if (picks) load(f, dy + j);
		put_aligned(dx + c.at + j, f, accumulate);
	});
}

// dx[index[i]] = dy[i], or += it; without accumulate the other rows become 0. dx [rows, width]; dy [picked, width];
// index [picked] strictly increasing. Grid: ⌈rows·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, scatter_float, float *dx, const float *dy, const int *index, int rows, int width, int picked,
	int accumulate) {
	scatter(dx, dy, index, rows, width, picked, accumulate);
}

// As scatter_float. Grid: ⌈rows·⌈width/8⌉/256⌉.
KERNEL_OF(THREADS, scatter_bf16, bf16 *dx, const bf16 *dy, const int *index, int rows, int width, int picked,
	int accumulate) {
	scatter(dx, dy, index, rows, width, picked, accumulate);
}
