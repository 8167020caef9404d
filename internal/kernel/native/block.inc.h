// Products of matrices that are in the caches.
#ifndef UER_BLOCK_INC_H
#define UER_BLOCK_INC_H

#include "routines.h"
#include "scratch.inc.h"
#include "vecmath.inc.h"

#define PANEL_VECTORS 2
#define PANEL (PANEL_VECTORS * LANES)
// The sums of PANEL_ROWS rows of a panel fill the registers.
#if defined(UER_SET_AVX512) || defined(__aarch64__)
#define PANEL_ROWS 12
#else
#define PANEL_ROWS 6
#endif

// block is a product of at most PANEL_ROWS rows and PANEL columns: c = a b, with c added if accumulate.
struct block {
	float *c; // element (r, j) is c[r*c_step + j]
	size_t c_step;
	const float *a; // element (r, k) is a[r*row_step + k*depth_step]
	size_t row_step, depth_step;
	const float *b; // element (k, j) is b[k*b_step + j]
	size_t b_step, depth;
	const float *factors; // of the rows of the product, or NULL
	int accumulate;       // add to c
};

// block_tile computes a block for constant numbers of rows and vectors. The last vector has the given number of lanes.
INLINE void block_tile(const int rows, const int vectors, const struct block *t, size_t lanes) {
	vfloat sum[PANEL_ROWS][PANEL_VECTORS];
#pragma GCC unroll 12
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++) sum[r][v] = (vfloat){0};
	const float *a = t->a, *b = t->b;
	const size_t depth = t->depth, row_step = t->row_step, depth_step = t->depth_step, b_step = t->b_step;
	for (size_t k = 0; k < depth; k++, a += depth_step, b += b_step) {
		vfloat column[PANEL_VECTORS];
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++) column[v] = v < vectors - 1 ? load(b + v * LANES) : load_some(b + v * LANES, lanes);
#pragma GCC unroll 12
		for (int r = 0; r < rows; r++) {
			vfloat x = splat(a[r * row_step]);
#pragma GCC unroll 2
			for (int v = 0; v < vectors; v++) sum[r][v] = multiply_add(x, column[v], sum[r][v]);
		}
	}
	if (t->factors)
#pragma GCC unroll 12
		for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
			for (int v = 0; v < vectors; v++) sum[r][v] *= t->factors[r];
	float *c = t->c;
	if (t->accumulate)
#pragma GCC unroll 12
		for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
			for (int v = 0; v < vectors; v++)
				sum[r][v] += v < vectors - 1 ? load(c + r * t->c_step + v * LANES) : load_some(c + r * t->c_step + v * LANES, lanes);
#pragma GCC unroll 12
	for (int r = 0; r < rows; r++, c += t->c_step)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++)
			if (v < vectors - 1) store(c + v * LANES, sum[r][v]);
			else store_some(c + v * LANES, sum[r][v], lanes);
}

#define BLOCK_TILE(rows, vectors, lanes) \
	case rows: block_tile(rows, vectors, t, lanes); break;
#if PANEL_ROWS > 6
#define BLOCK_TILES_BEYOND(...)                                                                            \
	BLOCK_TILE(7, __VA_ARGS__) BLOCK_TILE(8, __VA_ARGS__) BLOCK_TILE(9, __VA_ARGS__) BLOCK_TILE(10, __VA_ARGS__) \
	BLOCK_TILE(11, __VA_ARGS__) BLOCK_TILE(12, __VA_ARGS__)
#else
#define BLOCK_TILES_BEYOND(...)
#endif
#define BLOCK_TILES(...)                                                                                      \
	BLOCK_TILE(1, __VA_ARGS__) BLOCK_TILE(2, __VA_ARGS__) BLOCK_TILE(3, __VA_ARGS__) BLOCK_TILE(4, __VA_ARGS__) \
	BLOCK_TILE(5, __VA_ARGS__) BLOCK_TILE(6, __VA_ARGS__) BLOCK_TILES_BEYOND(__VA_ARGS__)

static void block_whole(const struct block *t, size_t rows) {
	switch (rows) { BLOCK_TILES(2, LANES) }
}

static void block_half(const struct block *t, size_t rows) {
	switch (rows) { BLOCK_TILES(1, LANES) }
}

static void block_part(const struct block *t, size_t rows, size_t lanes) {
	switch (rows) { BLOCK_TILES(1, lanes) }
}

// block_rows computes at most PANEL_ROWS rows and PANEL columns.
INLINE void block_rows(struct block *t, size_t rows, size_t columns) {
	if (columns == PANEL) {
		block_whole(t, rows);
		return;
	}
	if (columns >= LANES) {
		block_half(t, rows);
		t->b += LANES, t->c += LANES, columns -= LANES;
	}
	if (columns > 0) block_part(t, rows, columns);
}

// tile_rows is the number of rows of the next tile. The last two tiles share their rows evenly: with few sums, additions
// wait for each other.
INLINE size_t tile_rows(size_t left) { return left <= PANEL_ROWS ? left : left < 2 * PANEL_ROWS ? (left + 1) / 2 : PANEL_ROWS; }

// block_product computes c = a b, with c added if accumulate, for b [depth, columns] in packed panels, panel_step elements
// apart. Rows of c are written up to the next multiple of LANES columns.
static void block_product(float *c, size_t c_step, size_t rows, size_t columns, const float *a, size_t row_step,
                          size_t depth_step, const float *b, size_t panel_step, size_t depth, int accumulate) {
	columns = round_up(columns, LANES);
	for (size_t j = 0; j < columns; j += PANEL, b += panel_step)
		for (size_t r = 0, n; r < rows; r += n) {
			struct block tile = {.c = c + r * c_step + j, .c_step = c_step, .a = a + r * row_step, .row_step = row_step,
			                     .depth_step = depth_step, .b = b, .b_step = PANEL, .depth = depth, .accumulate = accumulate};
			n = tile_rows(rows - r);
			block_rows(&tile, n, min_size(columns - j, PANEL));
		}
}

// pack_block packs x [rows, columns], rows step apart, as an operand of depth rows, padding the last panel with zeros.
static void pack_block(float *b, size_t panel_step, const float *x, size_t rows, size_t columns, size_t step) {
	for (size_t j = 0; j < columns; j += PANEL, b += panel_step)
		for (size_t i = 0; i < rows; i++)
			for (size_t v = j; v < j + PANEL; v += LANES)
				store(b + i * PANEL + v - j, v < columns ? load_some(x + i * step + v, columns - v) : (vfloat){0});
}

// pack_block_vector packs rows <= LANES rows x [rows, columns], step apart, as one vector of each row of b [columns,
// ...], rows b_step apart, padded with zeros.
static void pack_block_vector(float *b, size_t b_step, const float *x, size_t rows, size_t columns, size_t step) {
	for (size_t j = 0; j < columns; j += LANES) {
		vfloat block[LANES];
#pragma GCC unroll 16
		for (size_t r = 0; r < LANES; r++)
			block[r] = r < rows ? load_some(x + r * step + j, columns - j) : (vfloat){0};
		transpose(block);
#pragma GCC unroll 16
		for (size_t r = 0; r < LANES; r++)
			if (j + r < columns) store(b + (j + r) * b_step, block[r]);
	}
}

// pack_block_transposed packs the transpose of x [rows, columns], rows step apart, as an operand of depth columns,
// padding the last vector with zeros.
static void pack_block_transposed(float *b, size_t panel_step, const float *x, size_t rows, size_t columns, size_t step) {
	for (size_t i = 0; i < rows; i += LANES)
		pack_block_vector(b + i / PANEL * panel_step + i % PANEL, PANEL, x + i * step, min_size(rows - i, LANES), columns, step);
}

#endif
