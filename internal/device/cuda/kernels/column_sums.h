// Sums over the rows of a matrix, in two stages whose order depends on the shape alone. In the first, a block takes a
// strip of 32 N columns of some rows, a warp every eighth of them, and writes a row of partial sums; the second adds
// these up (sums.cu).
#pragma once
#include "elements.h"

const int WARPS = THREADS / 32; // of a block

// STRIP are the columns of a block, for activations of a type.
template <class T> const int STRIP = 32 * GROUP<T>;

// Strip is a thread's part of the first stage, for a grid of (⌈width/(32·N)⌉, blocks of rows_of_block rows).
struct Strip {
	int column, left; // columns from there on, at most N; 0 past the end
	int first, last;  // the rows first, first+WARPS, ... before last
};

template <int N = 4> DEVFN Strip strip_of(int rows, int width, int rows_of_block) {
	Strip s;
	s.column = blockIdx.x * (32 * N) + (threadIdx.x & 31) * N;
	s.left = larger(0, smaller(width - s.column, N));
	int first = blockIdx.y * rows_of_block;
	s.first = first + (threadIdx.x >> 5), s.last = smaller(first + rows_of_block, rows);
	return s;
}

// keep_sums leaves a thread's sums for add_warps: of its columns from j on.
template <int COLUMNS, int SOME>
DEVFN void keep_sums(float (&shared)[WARPS][COLUMNS], const Elements<SOME> &sum, int j) {
	for (int i = 0; i < SOME; i++) shared[threadIdx.x >> 5][(j + i) * 32 + (threadIdx.x & 31)] = sum.at[i];
}

// add_warps adds up what the warps of a block have kept, in their order, and writes it to a row of partials. All threads
// call it; shared memory may be used again when it returns.
template <int COLUMNS>
DEVFN void add_warps(float *partials, const Strip &s, float (&shared)[WARPS][COLUMNS]) {
	const int N = COLUMNS / 32;
	int lane = threadIdx.x & 31;
	__syncthreads();
	if (threadIdx.x < 32) {
		Elements<N> total = all_of<N>(0);
		for (int w = 0; w < WARPS; w++)
			for (int j = 0; j < N; j++)
				total.at[j] = w == 0 ? shared[w][j * 32 + lane] : total.at[j] + shared[w][j * 32 + lane];
		write(partials + s.column, total, s.left);
	}
	__syncthreads();
}
