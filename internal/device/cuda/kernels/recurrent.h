// What the steps of recurrent layers share: where a row is at, and tiles of rows in shared memory.
#pragma once
#include "elements.h"
#include "functions.h"

enum { TANH_CELL, LSTM_CELL, GRU_CELL };

const int UNITS = 8;        // of a block: a thread has one unit of one row
const int ROWS = 32;        // of a block
const int DEPTH = 128;      // elements of a state at a time
const int LINE = DEPTH + 4; // of a tile in shared memory, which spreads lines over the banks

// gates_of is the number of gates of a cell.
template <int CELL> DEVFN constexpr int gates_of() { return CELL == LSTM_CELL ? 4 : CELL == GRU_CELL ? 3 : 1; }

// Step is where a step takes place.
struct Step {
	const int *starts, *order;
	int alive, tokens, hidden, directions, step;
};

#define STEP const int *starts, const int *order, int alive, int tokens, int hidden, int directions, int step
#define STEP_OF {starts, order, alive, tokens, hidden, directions, step}

// token_of is where a row is at.
DEVFN int token_of(const Step &s, int row, int direction) {
	int sequence = s.order[row];
	return direction == 0 ? s.starts[sequence] + s.step : s.starts[sequence + 1] - 1 - s.step;
}

DEVFN int own_row() { return blockIdx.y * ROWS + threadIdx.x / UNITS; }
DEVFN int own_unit() { return blockIdx.x * UNITS + threadIdx.x % UNITS; }

// add_products adds the products of a thread's line of one tile with N lines of another, `distance` elements apart.
template <int N> DEVFN void add_products(float (&sums)[N], const float *a, const float *b, int distance, int depth) {
#pragma unroll 2
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
const int COPIES = ROWS * DEPTH / 4 / THREADS;
DEVFN int copy_line(int i) { return (i * THREADS + threadIdx.x) / (DEPTH / 4); }
DEVFN int copy_column(int i) { return (i * THREADS + threadIdx.x) % (DEPTH / 4) * 4; }

// find_tokens gives the tokens of the rows that a thread copies, moved by a distance, and -1 past the last row.
DEVFN void find_tokens(int (&tokens)[COPIES], const Step &s, int rows, int direction, int distance) {
#pragma unroll
	for (int i = 0; i < COPIES; i++) {
		int row = blockIdx.y * ROWS + copy_line(i);
		tokens[i] = row < rows ? token_of(s, row, direction) + distance : -1;
	}
}

// fetch_rows reads columns of x from `from` on; its rows are stride apart and have so many columns.
DEVFN void fetch_rows(
	Four (&fetched)[COPIES], const float *x, const int (&tokens)[COPIES], int stride, int from, int columns) {
#pragma unroll
	for (int i = 0; i < COPIES; i++) {
		int column = from + copy_column(i);
		fetched[i] = all_four(0);
		if (tokens[i] >= 0 && column < columns)
			fetched[i] = read4(x + (size_t)tokens[i] * stride + column, columns - column);
	}
}
