// A matrix product, for where cuBLASLt is missing.
#include "elements.h"

const int TILE = 64;       // rows and columns of c that a block computes, 4 x 4 a thread
const int DEPTH = 16;      // of k at a time
const int LINE = TILE + 4; // of a tile in shared memory, which spreads lines over the banks

// load_tile copies rows first to first+TILE-1 of x [rows, depth], x transposed if said so, at depths from k on, and
// zeros beyond its edges.
template <class T>
DEVFN void load_tile(
	float (&tile)[DEPTH][LINE], const T *x, int stride, int transposed, int first, int rows, int k, int depth) {
	for (int i = threadIdx.x; i < TILE * DEPTH; i += THREADS) { // neighbouring threads read neighbouring elements
		int row = transposed ? i % TILE : i / DEPTH, at = transposed ? i / TILE : i % DEPTH;
		bool inside = first + row < rows && k + at < depth;
		size_t place = transposed ? (size_t)(k + at) * stride + first + row : (size_t)(first + row) * stride + k + at;
		tile[at][row] = inside ? load_element(x + place) : 0;
	}
}

template <class C, class T>
DEVFN void product(C *c, const T *a, const T *b, const C *bias, int m, int n, int k, int stride_c, int stride_a,
	int stride_b, int transpose_a, int transpose_b, int accumulate, float (&tile_a)[DEPTH][LINE],
	float (&tile_b)[DEPTH][LINE]) {
	int first_row = blockIdx.y * TILE, first_column = blockIdx.x * TILE;
	int row = (threadIdx.x / 16) * 4, column = (threadIdx.x % 16) * 4;
	float sums[4][4] = {};
	for (int from = 0; from < k; from += DEPTH) {
		load_tile(tile_a, a, stride_a, transpose_a, first_row, m, from, k);
		load_tile(tile_b, b, stride_b, !transpose_b, first_column, n, from, k);
		__syncthreads();
#pragma unroll
		for (int at = 0; at < DEPTH; at++) {
			Four x = load4(&tile_a[at][row]), y = load4(&tile_b[at][column]);
			for (int i = 0; i < 4; i++)
				for (int j = 0; j < 4; j++) sums[i][j] = fmaf(x.at[i], y.at[j], sums[i][j]);
		}
		__syncthreads();
	}
	row += first_row, column += first_column;
	for (int i = 0; i < 4 && row + i < m; i++) {
		Four f;
		for (int j = 0; j < 4; j++) f.at[j] = sums[i][j];
		if (bias) {
			Four added = read4(bias + column, n - column);
			for (int j = 0; j < 4; j++) f.at[j] += added.at[j];
		}
		put4(c + (size_t)(row + i) * stride_c + column, f, n - column, accumulate);
	}
}

// c = a b + bias, or c += it. c [m, n]; a [m, k], or [k, m] if transpose_a; b [k, n], or [n, k] if transpose_b; their
// rows lie stride_c, stride_a and stride_b apart; bias [n], may be null. Sums are in order of k. Grid: (⌈n/64⌉,
// ⌈m/64⌉).
KERNEL_OF(THREADS, product_float, float *c, const float *a, const float *b, const float *bias, int m, int n, int k,
	int stride_c, int stride_a, int stride_b, int transpose_a, int transpose_b, int accumulate) {
	SHARED_FLOATS(tile_a[DEPTH][LINE], tile_b[DEPTH][LINE]);
	product(c, a, b, bias, m, n, k, stride_c, stride_a, stride_b, transpose_a, transpose_b, accumulate, tile_a, tile_b);
}

// As product_float. Grid: (⌈n/64⌉, ⌈m/64⌉).
KERNEL_OF(THREADS, product_bf16, bf16 *c, const bf16 *a, const bf16 *b, const bf16 *bias, int m, int n, int k,
	int stride_c, int stride_a, int stride_b, int transpose_a, int transpose_b, int accumulate) {
	SHARED_FLOATS(tile_a[DEPTH][LINE], tile_b[DEPTH][LINE]);
	product(c, a, b, bias, m, n, k, stride_c, stride_a, stride_b, transpose_a, transpose_b, accumulate, tile_a, tile_b);
}

// As product_float. Grid: (⌈n/64⌉, ⌈m/64⌉).
KERNEL_OF(THREADS, product_float_bf16, float *c, const bf16 *a, const bf16 *b, const float *bias, int m, int n, int k,
	int stride_c, int stride_a, int stride_b, int transpose_a, int transpose_b, int accumulate) {
	SHARED_FLOATS(tile_a[DEPTH][LINE], tile_b[DEPTH][LINE]);
	product(c, a, b, bias, m, n, k, stride_c, stride_a, stride_b, transpose_a, transpose_b, accumulate, tile_a, tile_b);
}
