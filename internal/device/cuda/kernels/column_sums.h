// Sums over the rows of a matrix, in two stages whose order depends on the shape alone. In the first, a block takes a
// strip of 128 columns of some rows, a warp every eighth of them, and writes a row of partial sums; the second adds
// these up (sums.cu).
#pragma once
#include "elements.h"

const int STRIP = 128;          // columns of a block: four a lane
const int WARPS = THREADS / 32; // of a block

// Strip is a thread's part of the first stage, for a grid of (⌈width/128⌉, blocks of rows_of_block rows).
struct Strip {
	int column, left; // columns from there on, at most 4; 0 past the end
	int first, last;  // the rows first, first+WARPS, ... before last
};

DEVFN Strip strip_of(int rows, int width, int rows_of_block) {
	Strip s;
	s.column = blockIdx.x * STRIP + (threadIdx.x & 31) * 4;
	s.left = larger(0, smaller(width - s.column, 4));
	int first = blockIdx.y * rows_of_block;
	s.first = first + (threadIdx.x >> 5), s.last = smaller(first + rows_of_block, rows);
	return s;
}

// add_warps adds up what the warps of a block have, in their order, and writes it to a row of partials. All threads
// call it; shared memory may be used again when it returns.
DEVFN void add_warps(float *partials, const Four &sum, const Strip &s, float (&shared)[WARPS][STRIP]) {
	int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
	for (int j = 0; j < 4; j++) shared[warp][lane * 4 + j] = sum.at[j];
	__syncthreads();
	if (warp == 0) {
		Four total = sum;
		for (int w = 1; w < WARPS; w++)
			for (int j = 0; j < 4; j++) total.at[j] += shared[w][lane * 4 + j];
		write4(partials + s.column, total, s.left);
	}
	__syncthreads();
}
