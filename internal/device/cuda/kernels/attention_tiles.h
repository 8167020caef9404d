// Tiles of bf16 in shared memory, and their products on tensor cores. A tile is some rows of one head, D columns wide: the
// size of the head rounded up to 64 or 128, with zeros past its end. A warp has 16 rows of a product at a time. Of
// these a lane has the rows g and g+8, and of each 8 columns 2t and 2t+1, with g its number in fours and t its place in
// them.
#pragma once
#include "attention_heads.h"
#include "tensor.h"

const float LOG2E = 1.44269504f, LN2 = 0.693147181f;

DEVFN int lane() { return threadIdx.x & 31; }
DEVFN int warp() { return threadIdx.x >> 5; }

// place is where 8 columns of a row begin in a tile, in bytes. They are spread so that neither rows nor columns of the
// 8x8 matrices collide in a bank. A tile begins at a multiple of the bytes of a row, so that of an address of the columns
// from 8 group on, ^ 16 k makes that of the columns from 8 (group ^ k) on.
template <int D> DEVFN int place(int row, int group) {
	return row * D * 2 + ((group ^ (D == 32 ? row >> 1 & 3 : row & 7)) << 4);
}

// load_tile begins to copy the ROWS rows of a head from `first` on to a tile, and clears those from `rows` on. x is row 0.
template <int D, int ROWS, int THREADS>
DEVFN void load_tile(Address tile, const bf16 *x, int stride, int first, int rows, int size) {
	int row = threadIdx.x / (D / 8), group = threadIdx.x % (D / 8);
	const int STEP = THREADS / (D / 8); // rows
	Address to = tile + place<D>(row, group);
	unsigned at = (unsigned)(first + row) * stride + group * 8;
#pragma unroll
	for (int i = 0; i < ROWS; i += STEP, at += STEP * stride)
		copy_async(to + i * D * 2, x + at, first + row + i < rows && group * 8 < size);
}

// Where a lane finds its part of fragments: of a left factor from 16 rows and columns of a tile; of one whose rows are
// columns of the tile; of a right factor whose columns are rows of the tile. A right factor whose rows are those of the
// tile has that of a left one, transposed.
template <int D> DEVFN Address left(Address tile) { return tile + place<D>(lane() & 15, lane() >> 4); }
template <int D> DEVFN Address left_columns(Address tile) {
	return tile + place<D>((lane() & 7) + (lane() >> 4) * 8, lane() >> 3 & 1);
}
template <int D> DEVFN Address right(Address tile) {
	return tile + place<D>((lane() >> 4) * 8 + (lane() & 7), lane() >> 3 & 1);
}

// further is 16 rows times `rows` and 16 columns times `columns` on.
template <int D> DEVFN Address further(Address at, int rows, int columns) { return (at ^ columns << 5) + rows * 32 * D; }

// Sums are those of M times 16 rows and N times 8 columns of a warp.
template <int M, int N> struct Sums {
	float at[M][N][4];
};

template <int M, int N> DEVFN void clear(Sums<M, N> &s) {
#pragma unroll
	for (int m = 0; m < M; m++)
#pragma unroll
		for (int n = 0; n < N; n++)
#pragma unroll
			for (int i = 0; i < 4; i++) s.at[m][n][i] = 0;
}

// Fragments are those of M times 16 rows and K times 16 columns of a left factor.
template <int M, int K> struct Fragments {
	unsigned at[M][K][4];
};

// as_left rounds the sums of the columns 16k to 16k+15 to a left factor.
template <int M, int N> DEVFN void as_left(Fragments<M, 1> &a, const Sums<M, N> &s, int k) {
#pragma unroll
	for (int m = 0; m < M; m++) {
		const float *c = s.at[m][2 * k], *d = s.at[m][2 * k + 1];
		a.at[m][0][0] = pack_bf16(c[0], c[1]), a.at[m][0][1] = pack_bf16(c[2], c[3]);
		a.at[m][0][2] = pack_bf16(d[0], d[1]), a.at[m][0][3] = pack_bf16(d[2], d[3]);
	}
}

// accumulate adds to 16 columns of sums the product of step k of a left factor with 16 columns of a right one.
template <int M, int K, int N>
DEVFN void accumulate(Sums<M, N> &s, int n, const Fragments<M, K> &a, int k, const unsigned (&b)[4]) {
#pragma unroll
	for (int m = 0; m < M; m++) mma(s.at[m][2 * n], a.at[m][k], b[0], b[1]), mma(s.at[m][2 * n + 1], a.at[m][k], b[2], b[3]);
}

// multiply adds x yᵀ to sums: x a left factor [16 M, D], y = right of the rows of a tile, as many as sums have columns.
template <int D, int M, int N> DEVFN void multiply(Sums<M, N> &s, const Fragments<M, D / 16> &x, Address y) {
#pragma unroll
	for (int k = 0; k < D / 16; k++)
#pragma unroll
		for (int n = 0; n < N / 2; n++) {
			unsigned b[4];
			load_fragments(b, further<D>(y, n, k));
			accumulate(s, n, x, k, b);
		}
}

// multiply_rows adds x y to sums: x a left factor [16 M, 16], y = left of 16 rows of a tile, and of the columns of s.
template <int D, int M, int N> DEVFN void multiply_rows(Sums<M, N> &s, const Fragments<M, 1> &x, Address y) {
#pragma unroll
	for (int n = 0; n < N / 2; n++) {
		unsigned b[4];
		load_fragments_transposed(b, further<D>(y, 0, n));
		accumulate(s, n, x, 0, b);
	}
}

// swap exchanges b of a lane with a of the lane d further.
DEVFN void swap(unsigned &a, unsigned &b, int d) {
	bool upper = lane() & d;
	unsigned keep = upper ? b : a;
	unsigned got = (unsigned)__shfl_xor_sync(0xffffffffu, (int)(upper ? a : b), d);
	a = upper ? got : keep, b = upper ? keep : got;
}

// exchange transposes the words of four lanes: word j of lane t becomes word t of lane j.
DEVFN void exchange(unsigned (&w)[4]) {
	swap(w[0], w[1], 1), swap(w[2], w[3], 1);
	swap(w[0], w[2], 2), swap(w[1], w[3], 2);
}

// save writes the 16 rows of a warp from `row` on, times a factor each for g and g+8, to columns from `column` on of rows
// of a head; or adds them to what is there.
template <int N> DEVFN void save(bf16 *to, int stride, int row, int rows, int column, int size,
	const float (&sums)[N][4], float upper, float lower, int accumulate) {
#pragma unroll
	for (int half = 0; half < 2; half++)
#pragma unroll
		for (int n = 0; n < N; n += 4) {
			int r = row + (lane() >> 2) + 8 * half, c = column + 8 * (n + (lane() & 3));
			bool present = r < rows && c < size;
			Words4 *at = words4_at(to + (present ? r * stride + c : 0));
			Words4 before = {0, 0, 0, 0};
			if (present && accumulate) before = *at;
			unsigned old[4] = {before[0], before[1], before[2], before[3]}, w[4];
			exchange(old);
#pragma unroll
			for (int j = 0; j < 4; j++) {
				const float *s = sums[n + j] + 2 * half;
				float factor = half ? lower : upper;
				w[j] = pack_bf16(fmaf(s[0], factor, low_half(old[j])), fmaf(s[1], factor, high_half(old[j])));
			}
			exchange(w);
			Words4 after = {w[0], w[1], w[2], w[3]};
			if (present) *at = after;
		}
}
