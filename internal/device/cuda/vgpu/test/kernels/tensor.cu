// Products by tensor cores, for the tests of the stand-in. tensor.ptx is made as right.ptx is.
#include "dialect.h"

const int SIDE = 64;  // of the result
const int DEPTH = 16; // of a step

// load begins to copy a tile of bf16, rows apart by `stride`, of which `present` rows are there; the others are cleared.
template <int ROWS, int COLUMNS>
static __device__ void load(uint16_t *tile, const uint16_t *from, int stride, int present) {
	for (int i = (int)threadIdx.x; i < ROWS * COLUMNS / 8; i += 128) {
		int row = i / (COLUMNS / 8), column = i % (COLUMNS / 8) * 8;
		copy_async(tile + row * COLUMNS + column, row < present ? from + row * stride + column : from, row < present);
	}
}

// c = exp2(a b), rounded to bf16. a [rows, k] with k a multiple of 16, of up to 64 rows; c [64, 64]; b [64, k] transposed, or
// [k, 64] if BY_ROWS. Each of four warps has 16 rows of c; the next tiles are copied while these are multiplied.
template <bool BY_ROWS>
static __device__ void product(uint16_t *c, const uint16_t *a, const uint16_t *b, int rows, int k) {
	DYN_SHARED(uint16_t, shared); // two tiles of a [64, 16], two of b [64, 16] or [16, 64]
	uint16_t *tile_a = shared, *tile_b = shared + 2 * SIDE * DEPTH;
	int lane = (int)(threadIdx.x & 31), row = (int)(threadIdx.x >> 5) * 16;
	float sums[SIDE / 8][4] = {};
	int steps = k / DEPTH;
	for (int step = 0; step <= steps; step++) {
		if (step < steps) {
			int there = (step & 1) * SIDE * DEPTH;
			load<SIDE, DEPTH>(tile_a + there, a + step * DEPTH, k, rows);
			if (BY_ROWS) {
				load<DEPTH, SIDE>(tile_b + there, b + step * DEPTH * SIDE, SIDE, DEPTH);
			} else {
				load<SIDE, DEPTH>(tile_b + there, b + step * DEPTH, k, SIDE);
			}
			copies_commit();
		}
		if (step == 0) continue;
		if (step < steps) {
			copies_wait<1>();
		} else {
			copies_wait<0>();
		}
		__syncthreads();
		int here = ((step - 1) & 1) * SIDE * DEPTH;
		unsigned x[4], y[4];
		load_fragments(x, tile_a + here + (row + (lane & 15)) * DEPTH + (lane >> 4) * 8);
		for (int column = 0; column < SIDE; column += 16) {
			if (BY_ROWS) {
				load_fragments_transposed(y, tile_b + here + (lane & 15) * SIDE + column + (lane >> 4) * 8);
			} else {
				int from = column + (lane >> 4) * 8 + (lane & 7);
				load_fragments(y, tile_b + here + from * DEPTH + (lane >> 3 & 1) * 8);
			}
			mma(sums[column / 8], x, y[0], y[1]);
			mma(sums[column / 8 + 1], x, y[2], y[3]);
		}
		__syncthreads();
	}
	for (int n = 0; n < SIDE / 8; n++) {
		unsigned *to = (unsigned *)(c + (row + lane / 4) * SIDE + n * 8 + lane % 4 * 2);
		to[0] = pack_bf16(exp2_fast(sums[n][0]), exp2_fast(sums[n][1]));
		to[8 * SIDE / 2] = pack_bf16(exp2_fast(sums[n][2]), exp2_fast(sums[n][3]));
	}
}

KERNEL(tensor_product, uint16_t *c, const uint16_t *a, const uint16_t *b, int rows, int k) {
	product<false>(c, a, b, rows, k);
}

KERNEL(tensor_product_by_rows, uint16_t *c, const uint16_t *a, const uint16_t *b, int rows, int k) {
	product<true>(c, a, b, rows, k);
}
