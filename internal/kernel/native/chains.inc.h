// Products of factors in bfloat16 with the bits of AMX, by fused multiply-adds of floats: see routine.TileDepth. A panel of A
// is [unit][part][TILE_DEPTH][lines] floats, of which one at a time fills a vector. A panel of B, which costs less to unpack, is
// [unit][part][TILE_DEPTH/2][lines] pairs of bfloat16 numbers, the one at the even position in the lower half.
#ifndef UER_CHAINS_INC_H
#define UER_CHAINS_INC_H

#include "epilogue.inc.h"
#include "parts.inc.h"

// Two chains for each of CHAIN_ROWS × CHAIN_VECTORS vectors leave registers for the factors.
#if defined(UER_SET_AVX512)
#define CHAIN_ROWS 7 // 28 of 32 registers
#else
#define CHAIN_ROWS 3 // 12 of 16
#endif
#define CHAIN_VECTORS 2
#define CHAIN_COLUMNS (CHAIN_VECTORS * LANES)
#define CHAIN_UNIT (TILE_DEPTH / 2 * CHAIN_COLUMNS) // a part of B in a unit

// chain_store stores the parts of a block [LANES of K][lines] of a panel, of whose lines there are n.
INLINE void chain_store(const int parts, const int of_b, float *to, size_t part_size, size_t stride, const vfloat *block, size_t n) {
	UNROLL for (size_t r = 0; r < LANES; r += 2) {
		vfloat even[3], odd[3];
		split(parts, block[r], even);
		split(parts, block[r + 1], odd);
		for (int p = 0; p < parts; p++) {
			if (of_b) {
				store(to + p * part_size + r / 2 * stride, (vfloat)((vuint)even[p] >> 16 | (vuint)odd[p]));
			} else {
				store_some(to + p * part_size + r * stride, even[p], n);
				store_some(to + p * part_size + (r + 1) * stride, odd[p], n);
			}
		}
	}
}

// Only one part is packed from bfloat16.
INLINE void chain_pack(const int parts, const int of_b, struct pack p) {
	struct array x = p.x;
	if (parts > 1) x.half = 0; // for the compiler
	float *to = p.panels;
	size_t units = ceil_divide(p.depth, TILE_DEPTH), depth = units * TILE_DEPTH, rows = of_b ? TILE_DEPTH / 2 : TILE_DEPTH;
	size_t stride = p.stride / (rows * (size_t)parts);
	for (size_t i = 0; i < p.count; i += p.width, to += units * p.stride) {
		size_t lines = min_size(p.width, p.count - i);
		for (size_t k = 0; k < depth; k += LANES)
			for (size_t j = 0; j < stride; j += LANES) {
				vfloat block[LANES]; // [k][lines]
				UNROLL for (size_t r = 0; r < LANES; r++) {
					if (p.transpose)
						block[r] = j + r < lines && k < p.depth ? load_array(x, (i + j + r) * p.leading + k, p.depth - k) : splat(0);
					else
						block[r] = k + r < p.depth && j < lines ? load_array(x, (k + r) * p.leading + i + j, lines - j) : splat(0);
				}
				if (p.transpose) transpose(block);
				size_t row = k % TILE_DEPTH * rows / TILE_DEPTH;
				chain_store(parts, of_b, to + k / TILE_DEPTH * p.stride + row * stride + j, rows * stride, stride, block, stride - j);
			}
	}
}

// chain_step adds to sums [rows, vectors] the products of one part of each factor in a unit, of which that many pairs are more
// than padding. Element (r, k) of A is a[r*row_step + k*depth_step].
INLINE void chain_step(const size_t rows, const size_t vectors, size_t pairs, const float *a, size_t row_step, size_t depth_step,
	const float *b, float *sums, size_t sums_step) {
	vfloat even[CHAIN_ROWS][CHAIN_VECTORS], odd[CHAIN_ROWS][CHAIN_VECTORS];
	UNROLL for (size_t r = 0; r < rows; r++)
		UNROLL for (size_t v = 0; v < vectors; v++) even[r][v] = odd[r][v] = splat(0);
	for (size_t pair = 0; pair < pairs; pair++, a += 2 * depth_step, b += CHAIN_COLUMNS) {
		vfloat both[CHAIN_VECTORS], column[CHAIN_VECTORS];
		UNROLL for (size_t v = 0; v < vectors; v++) {
			both[v] = load(b + v * LANES);
			column[v] = (vfloat)((vuint)both[v] << 16);
		}
		UNROLL for (size_t r = 0; r < rows; r++) {
			vfloat x = splat(a[r * row_step]);
			UNROLL for (size_t v = 0; v < vectors; v++) even[r][v] = multiply_add(x, column[v], even[r][v]);
		}
		UNROLL for (size_t v = 0; v < vectors; v++) column[v] = (vfloat)((vuint)both[v] & 0xffff0000u);
		UNROLL for (size_t r = 0; r < rows; r++) {
			vfloat x = splat(a[r * row_step + depth_step]);
			UNROLL for (size_t v = 0; v < vectors; v++) odd[r][v] = multiply_add(x, column[v], odd[r][v]);
		}
	}
	UNROLL for (size_t r = 0; r < rows; r++)
		UNROLL for (size_t v = 0; v < vectors; v++) {
			if (pairs < TILE_DEPTH / 2) even[r][v] += splat(0), odd[r][v] += splat(0); // what padding makes of -0
			float *sum = sums + r * sums_step + v * LANES;
			store(sum, load(sum) + (even[r][v] + odd[r][v]));
		}
}

INLINE void chain_rows(const size_t rows, int parts, size_t units, const float *a, size_t stride, const float *b, float *sums) {
	for (size_t u = 0; u < units; u++, a += parts * TILE_DEPTH * stride, b += parts * CHAIN_UNIT)
		for (int p = 0; p < part_products[parts].count; p++)
			chain_step(rows, CHAIN_VECTORS, TILE_DEPTH / 2, a + part_products[parts].of_a[p] * TILE_DEPTH * stride, 1, stride,
				b + part_products[parts].of_b[p] * CHAIN_UNIT, sums, CHAIN_COLUMNS);
}

// chain_sums is a function of its own, so that no arithmetic leaves or enters the stretch in which subnormal numbers are zeros.
static __attribute__((noinline)) void chain_sums(size_t rows, int parts, size_t units, const float *a, size_t stride,
	const float *b, float *sums) {
#define ROWS(n)                                             \
	case n:                                                 \
		chain_rows(n, parts, units, a, stride, b, sums); \
		break;
	switch (rows) {
		ROWS(1)
		ROWS(2)
		ROWS(3)
#if CHAIN_ROWS > 3
		ROWS(4)
		ROWS(5)
		ROWS(6)
		ROWS(7)
#endif
	}
#undef ROWS
}

static void chain_multiply(int parts, const struct multiply *t) {
	const unsigned flush = 0x8040; // results to zero, operands as zeros
	size_t panels_a = ceil_divide(t->rows, t->height), panels_b = ceil_divide(t->columns, CHAIN_COLUMNS);
	for (size_t n = 0; n < panels_a * panels_b; n++) {
		size_t i = t->by_rows ? n / panels_b : n % panels_a, j = t->by_rows ? n % panels_b : n / panels_a;
		size_t row = i * t->height, column = j * CHAIN_COLUMNS;
		size_t rows = min_size(t->height, t->rows - row), columns = min_size(CHAIN_COLUMNS, t->columns - column);
		float sums[CHAIN_ROWS * CHAIN_COLUMNS] __attribute__((aligned(64))) = {0};
		unsigned mode = _mm_getcsr();
		_mm_setcsr(mode | flush);
		chain_sums(rows, parts, t->depth, t->a + i * t->stride * t->depth, t->stride / (TILE_DEPTH * (size_t)parts),
			t->b + j * parts * CHAIN_UNIT * t->depth, sums);
		_mm_setcsr(mode);
		finish_tile(t, row, column, rows, columns, sums, CHAIN_COLUMNS);
	}
	stream_end();
}

// CHAINS defines the routines for a number of parts.
#define CHAINS(parts)                                                             \
	static void chain_pack_##parts(struct pack p) {                                      \
		if (p.of_b) chain_pack(parts, 1, p);                                             \
		else chain_pack(parts, 0, p);                                                    \
	}                                                                                    \
	static void chain_multiply_##parts(struct multiply t) { chain_multiply(parts, &t); } \
	static size_t chain_peak_##parts(size_t rounds, float *sink) { return peak(rounds, sink) / part_products[parts].count; }
CHAINS(1)
CHAINS(2)
CHAINS(3)
#define CHAIN_MATMUL(parts)                                                                                      \
	{CHAIN_ROWS, CHAIN_COLUMNS, 0, TILE_DEPTH, TILE_DEPTH * parts, TILE_DEPTH / 2 * parts, PARTS_DEPTH(parts), 96, chain_pack_##parts, \
		chain_multiply_##parts, chain_peak_##parts}

#endif
