// Products of recurrent layers in bfloat16 on tensor cores. A block has 16 units of 16 rows, a thread for each. The
// elements that are summed over go in parts of 32 to the warps in turn, whose sums are then added up in the order of the
// warps. A lane has eight neighbouring elements of a line of each factor where fragments have two times two and two: both
// factors are permuted alike.
#pragma once
#include "recurrent.h"
#include "tensor.h"

const int TENSOR_ROWS = 16, TENSOR_UNITS = 16;
const int WARPS = THREADS / 32;
#define TENSOR_BLOCK THREADS, 1 // one block on a multiprocessor is enough, rather than spilled registers for more
const int PART = 32; // elements that a warp takes at a time

// read_words reads eight elements, of which the first `left` exist; others are 0.
DEVFN Words4 read_words(const bf16 *p, int left) {
	if (left >= 8 && aligned<8>(p)) return *words4_at(p);
	Words4 w = {0, 0, 0, 0};
#pragma unroll
	for (int j = 0; j < 8; j++)
		if (j < left) w[j / 2] |= (unsigned)p[j].bits << (j % 2 * 16);
	return w;
}

// Sums are those of a warp: N matrices of 16 rows and 8 columns.
template <int N> struct Sums {
	float at[N][4];
};

// multiply_part adds the products of a part of 16 rows, of which a lane has two, with N times 8 columns.
template <int N> DEVFN void multiply_part(Sums<N> &sums, const Words4 (&x)[2], const Words4 (&w)[N]) {
#pragma unroll
	for (int half = 0; half < 4; half += 2) {
		unsigned a[4] = {x[0][half], x[1][half], x[0][half + 1], x[1][half + 1]};
#pragma unroll
		for (int j = 0; j < N; j++) mma(sums.at[j], a, w[j][half], w[j][half + 1]);
	}
}

// takes tells whether the warp has a part of so many elements.
DEVFN bool takes(int part, int elements) { return part * WARPS * PART + (int)threadIdx.x / 32 * PART < elements; }

// line_of is the length of a row of sums in shared memory, which spreads rows over the banks.
template <int N> DEVFN constexpr int line_of() { return N * 8 + 8; }

// share_sums writes the sums of a warp to shared memory [warps, 16, line].
template <int N> DEVFN void share_sums(float *shared, const Sums<N> &sums) {
	int warp = threadIdx.x / 32, row = threadIdx.x % 32 / 4, column = threadIdx.x % 4 * 2;
	float *at = shared + (warp * TENSOR_ROWS + row) * line_of<N>() + column;
#pragma unroll
	for (int j = 0; j < N; j++) {
#pragma unroll
		for (int half = 0; half < 2; half++) {
			Words2 pair = {__float_as_uint(sums.at[j][2 * half]), __float_as_uint(sums.at[j][2 * half + 1])};
			*words2_at(at + half * 8 * line_of<N>() + j * 8) = pair;
		}
	}
}

// StateProducts are W h. A lane holds HELD parts of W for all steps; with HELD = 0 it reads W in each step, whatever
// size that has. Otherwise the number of units is a multiple of 32, and at most HELD·256.
template <int GATES, int HELD> struct StateProducts {
	static const int ROWS = TENSOR_ROWS, UNITS = TENSOR_UNITS, N = GATES * 2;
	const bf16 *weight; // [GATES·hidden, hidden]
	float *shared;
	static const int PARTS = HELD > 0 ? HELD : 1;
	Words4 held[PARTS][N], states[PARTS][2];
	int hidden, k; // k is the lane's first element

	METHOD StateProducts(const bf16 *weight, float *shared) : weight(weight), shared(shared) {}

	// weights reads the lane's eight elements of each column.
	template <bool WHOLE> METHOD void weights(Words4 (&w)[N], int part) {
#pragma unroll
		for (int j = 0; j < N; j++) {
			int column = j * 8 + threadIdx.x % 32 / 4, unit = blockIdx.x * UNITS + column / GATES, first = k + part * WARPS * PART;
			const bf16 *p = weight + ((size_t)(column % GATES) * hidden + unit) * hidden + first;
			if (WHOLE) w[j] = *words4_at(p);
			else w[j] = read_words(p, unit < hidden ? hidden - first : 0);
		}
	}

	METHOD void begin(int size) {
		hidden = size;
		k = threadIdx.x / 32 * PART + threadIdx.x % 4 * 8;
#pragma unroll
		for (int part = 0; part < HELD; part++)
			if (takes(part, hidden)) weights<true>(held[part], part);
	}

	// rows_of finds the lane's rows of the states before a step.
	METHOD void rows_of(const bf16 *(&x)[2], const bf16 *y, int width, const Rows &rows, int step, int tile) {
#pragma unroll
		for (int i = 0; i < 2; i++) {
			int row = tile * ROWS + i * 8 + threadIdx.x % 32 / 4;
			if (rows.length[row] <= step) row = tile * ROWS; // whatever it is: nobody reads the sum
			x[i] = y + (size_t)rows.token(row, step - 1) * width + k;
		}
	}

	METHOD void fetch(const bf16 *y, int width, const Rows &rows, int step, int tile) {
		if (HELD == 0) return;
		const bf16 *x[2];
		rows_of(x, y, width, rows, step, tile);
#pragma unroll
		for (int part = 0; part < HELD; part++)
			if (takes(part, hidden))
				for (int i = 0; i < 2; i++) states[part][i] = *words4_at(x[i] + part * WARPS * PART);
	}

	METHOD void multiply(const bf16 *y, int width, const Rows &rows, int step, int tile) {
		Sums<N> own = {};
#pragma unroll
		for (int part = 0; part < HELD; part++)
			if (takes(part, hidden)) multiply_part(own, states[part], held[part]);
		if (HELD == 0) {
			const bf16 *x[2];
			rows_of(x, y, width, rows, step, tile);
			for (int from = 0; from < hidden; from += WARPS * PART) {
				for (int i = 0; i < 2; i++) states[0][i] = read_words(x[i] + from, hidden - k - from);
				weights<false>(held[0], from / (WARPS * PART));
				multiply_part(own, states[0], held[0]);
			}
		}
		share_sums(shared, own);
	}

	METHOD void sum(float (&sums)[GATES]) {
		__syncthreads();
#pragma unroll
		for (int w = 0; w < WARPS; w++) {
			const float *at = shared + (w * ROWS + threadIdx.x / UNITS) * line_of<N>() + threadIdx.x % UNITS * GATES;
			if (GATES == 4) {
				Four four = load4(at);
				for (int i = 0; i < GATES; i++) sums[i] += four.at[i];
			} else {
				for (int i = 0; i < GATES; i++) sums[i] += at[i];
			}
		}
	}
};

// GradientProducts are Wᵀ ds, as StateProducts.
template <int CELL, int HELD> struct GradientProducts {
	static const int ROWS = TENSOR_ROWS, UNITS = TENSOR_UNITS, N = 2, GATES = gates_of<CELL>();
	const bf16 *weight;
	float *shared;
	static const int PARTS = HELD > 0 ? HELD : 1;
	static const int AHEAD = HELD == 0 || HELD > 3 ? 0 : HELD == 3 ? 1 : GATES; // gates whose slopes are read ahead
	static const int SLOPES = AHEAD > 0 ? AHEAD : 1;
	Words4 held[GATES][PARTS][N], slopes[SLOPES][PARTS][2];
	const bf16 *lines; // the lane's first line of W, at its first column
	int hidden, k;

	METHOD GradientProducts(const bf16 *weight, float *shared) : weight(weight), shared(shared) {}

	// weights reads the lane's eight elements of each column.
	template <bool WHOLE> METHOD void weights(Words4 (&w)[N], int gate, int part) {
#pragma unroll
		for (int j = 0; j < N; j++) {
			const bf16 *p = lines + ((size_t)gate * hidden + part * WARPS * PART) * hidden + j * 8;
			int unit = blockIdx.x * UNITS + j * 8 + threadIdx.x % 32 / 4;
			int left = unit < hidden ? hidden - k - part * WARPS * PART : 0;
			Words4 column = {0, 0, 0, 0};
#pragma unroll
			for (int i = 0; i < 8; i++)
				if (WHOLE || i < left) column[i / 2] |= (unsigned)p[(size_t)i * hidden].bits << (i % 2 * 16);
			w[j] = column;
		}
	}

	METHOD void begin(int size) {
		hidden = size;
		k = threadIdx.x / 32 * PART + threadIdx.x % 4 * 8;
		lines = weight + (size_t)k * hidden + blockIdx.x * UNITS + threadIdx.x % 32 / 4;
#pragma unroll
		for (int gate = 0; gate < GATES; gate++)
#pragma unroll
			for (int part = 0; part < HELD; part++)
				if (takes(part, hidden)) weights<true>(held[gate][part], gate, part);
	}

	// rows_of finds the lane's rows of a gate's slopes of the step after.
	METHOD void rows_of(const bf16 *(&x)[2], const bf16 *dgates, const bf16 *dextra, const Rows &rows, int step, int tile, int gate) {
#pragma unroll
		for (int i = 0; i < 2; i++) {
			int row = tile * ROWS + i * 8 + threadIdx.x % 32 / 4;
			if (rows.length[row] <= step + 1) row = tile * ROWS; // whatever it is: nobody reads the sum
			size_t token = rows.token(row, step + 1);
			if (CELL == GRU_CELL && gate == 2) x[i] = dextra + token * hidden + k;
			else x[i] = dgates + (token * GATES + gate) * hidden + k;
		}
	}

	METHOD void read(Words4 (&slopes)[PARTS][2], const bf16 *dgates, const bf16 *dextra, const Rows &rows, int step, int tile, int gate) {
		const bf16 *x[2];
		rows_of(x, dgates, dextra, rows, step, tile, gate);
#pragma unroll
		for (int part = 0; part < HELD; part++)
			if (takes(part, hidden))
				for (int i = 0; i < 2; i++) slopes[part][i] = *words4_at(x[i] + part * WARPS * PART);
	}

	METHOD void fetch(const bf16 *dgates, const bf16 *dextra, const Rows &rows, int step, int tile) {
#pragma unroll
		for (int gate = 0; gate < AHEAD; gate++) read(slopes[gate], dgates, dextra, rows, step, tile, gate);
	}

	METHOD void multiply(const bf16 *dgates, const bf16 *dextra, const Rows &rows, int step, int tile) {
		Sums<N> own = {};
#pragma unroll
		for (int gate = 0; gate < GATES; gate++) {
			if (HELD == 0) {
				const bf16 *x[2];
				rows_of(x, dgates, dextra, rows, step, tile, gate);
				for (int from = 0; from < hidden; from += WARPS * PART) {
					for (int i = 0; i < 2; i++) slopes[0][0][i] = read_words(x[i] + from, hidden - k - from);
					weights<false>(held[gate][0], gate, from / (WARPS * PART));
					multiply_part(own, slopes[0][0], held[gate][0]);
				}
				continue;
			}
			Words4 late[PARTS][2];
			if (gate >= AHEAD) read(late, dgates, dextra, rows, step, tile, gate);
#pragma unroll
			for (int part = 0; part < HELD; part++)
				if (takes(part, hidden)) multiply_part(own, gate < AHEAD ? slopes[gate % SLOPES][part] : late[part], held[gate][part]);
		}
		share_sums(shared, own);
	}

	METHOD void sum(float &sum) {
		__syncthreads();
#pragma unroll
		for (int w = 0; w < WARPS; w++)
			sum += shared[(w * ROWS + threadIdx.x / UNITS) * line_of<N>() + threadIdx.x % UNITS];
	}
};

#define SHARED_SUMS(gates) SHARED_FLOATS(sums[WARPS * TENSOR_ROWS * line_of<2 * gates>()])
