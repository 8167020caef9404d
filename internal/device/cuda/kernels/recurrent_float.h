// Products of recurrent layers in float32. A block has 4 units of 32 rows, a thread for each. Every sum is in the order of
// its elements, in one thread; tiles of both factors go through shared memory. There, what limits the speed is how much
// is read, so the threads of a warp have one unit of all rows: they read the same elements of the weights at once.
#pragma once
#include "recurrent.h"

const int FLOAT_ROWS = 32, FLOAT_UNITS = 4;
const int FLOAT_THREADS = FLOAT_ROWS * FLOAT_UNITS;

// FLOAT_BLOCK are the bounds of a launch: two on a multiprocessor are enough, rather than spilled registers for
// more.
#define FLOAT_BLOCK FLOAT_THREADS, 2

const int DEPTH = 128;      // elements at a time
const int LINE = DEPTH + 4; // of a tile in shared memory, which spreads lines over the banks

// add_products adds the products of a thread's line of one tile with N lines of another, `distance` elements apart.
template <int N> DEVFN void add_products(float (&sums)[N], const float *a, const float *b, int distance, int depth) {
#pragma unroll 4
	for (int k = 0; k < depth; k += 4) {
		Four x = load4(a + k);
		for (int i = 0; i < N; i++) {
			Four y = load4(b + i * distance + k);
			for (int j = 0; j < 4; j++) sums[i] = fmaf(x.at[j], y.at[j], sums[i]);
		}
	}
}

// A tile of 32 rows in shared memory is copied by all threads, four groups of four columns each. copy_line and
// copy_column say which the i-th of these is.
const int COPIES = FLOAT_ROWS * DEPTH / 4 / FLOAT_THREADS;
DEVFN int copy_line(int i) { return (i * FLOAT_THREADS + threadIdx.x) / (DEPTH / 4); }
DEVFN int copy_column(int i) { return (i * FLOAT_THREADS + threadIdx.x) % (DEPTH / 4) * 4; }

// find_tokens gives the tokens, at a step, of the rows of a tile that a thread copies, and -1 for those that are shorter
// than `length`.
DEVFN void find_tokens(int (&tokens)[COPIES], const Rows &rows, int tile, int step, int length) {
#pragma unroll
	for (int i = 0; i < COPIES; i++) {
		int row = tile * FLOAT_ROWS + copy_line(i);
		tokens[i] = rows.length[row] >= length ? rows.token(row, step) : -1;
	}
}

// fetch_rows reads columns of x from `from` on; its rows are stride apart and have so many columns.
DEVFN void fetch_rows(
	Four (&fetched)[COPIES], const float *x, const int (&tokens)[COPIES], int stride, int from, int columns) {
	if (columns % 4 == 0) { // every row is aligned: a short way, so that many reads are under way
#pragma unroll
		for (int i = 0; i < COPIES; i++) {
			int column = from + copy_column(i);
			fetched[i] = all_four(0);
			if (tokens[i] >= 0 && column < columns) load(fetched[i], x + (size_t)tokens[i] * stride + column);
		}
		return;
	}
#pragma unroll
	for (int i = 0; i < COPIES; i++) {
		int column = from + copy_column(i);
		fetched[i] = all_four(0);
		if (tokens[i] >= 0) fetched[i] = read4(x + (size_t)tokens[i] * stride + column, columns - column);
	}
}

// hand_over gives sums to the threads that have the same row and unit in the rest of the kernel. Shared memory [N·units,
// rows+1] is free, and in use until the next barrier.
template <int N> DEVFN void hand_over(float (&to)[N], const float (&sums)[N], float *shared) {
	const int ROW = FLOAT_ROWS + 1;
#pragma unroll
	for (int i = 0; i < N; i++)
		shared[(i * FLOAT_UNITS + threadIdx.x / FLOAT_ROWS) * ROW + threadIdx.x % FLOAT_ROWS] = sums[i];
	__syncthreads();
#pragma unroll
	for (int i = 0; i < N; i++)
		to[i] = shared[(i * FLOAT_UNITS + threadIdx.x % FLOAT_UNITS) * ROW + threadIdx.x / FLOAT_UNITS];
}
