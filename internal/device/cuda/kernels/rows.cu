// Rows picked out of a matrix, and put back.
#include "elements.h"
#include "sequences.h"

// y[i] = x[index[i]]. y [picked, width]; x [rows, width]; index [picked]. Grid: ⌈picked·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, gather_float, float *y, const float *x, const int *index, int picked, int width) {
	Cell c = cell_of(picked, width);
	if (c.left) write4(y + c.at, read4(x + (size_t)index[c.row] * width + c.column, c.left), c.left);
}

// dx[index[i]] = dy[i], or += it; without accumulate the other rows become 0. dx [rows, width]; dy [picked, width];
// index [picked] strictly increasing. Grid: ⌈rows·⌈width/4⌉/256⌉.
KERNEL_OF(THREADS, scatter_float, float *dx, const float *dy, const int *index, int rows, int width, int picked,
	int accumulate) {
	Cell c = cell_of(rows, width);
	if (!c.left) return;
	int i = last_at_most(index, picked, c.row);
	if (i >= 0 && index[i] == c.row)
		put4(dx + c.at, read4(dy + (size_t)i * width + c.column, c.left), c.left, accumulate);
	else if (!accumulate) write4(dx + c.at, all_four(0), c.left);
}
