// Matrix products of packed panels. A register tile holds TILE_ROWS × TILE_VECTORS vectors of C, and leaves registers for
// the vectors of B and an element of A; with at least eight sums under way, additions wait for none.
#include "matmul.h"

#if defined(UER_SET_AVX512)
#define TILE_ROWS 14 // 28 of 32 registers
#elif defined(__aarch64__)
#define TILE_ROWS 12 // 24 of 32
#elif defined(UER_SET_AVX2)
#define TILE_ROWS 6 // 12 of 16
#else
#define TILE_ROWS 5 // 10 of 16: without a fused form the products take registers too
#endif
#define TILE_VECTORS 2
#define TILE_COLUMNS (TILE_VECTORS * LANES)

int NAME(tile_rows)(void) { return TILE_ROWS; }
int NAME(tile_columns)(void) { return TILE_COLUMNS; }

INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

// put stores a vector of which only some lanes count; the others may go to where later stores put their own values.
INLINE void put(float *p, const float *end, vfloat v, size_t lanes) {
	if (end - p >= LANES)
		store(p, v);
	else
		store_part(p, v, lanes);
}

#define LINE 16
#ifndef PACK_AHEAD
#define PACK_AHEAD 32
#endif
// pack_rows fills panels [depth, width] from rows x[k*leading ...] of `count` elements.
static void pack_rows(float *panels, const float *x, size_t leading, size_t depth, size_t count, size_t width) {
	for (size_t k = 0; k < depth; k++, x += leading) {
		for (size_t i = 0; i < count; i += LINE) __builtin_prefetch(x + PACK_AHEAD * leading + i, 0, 2);
		float *panel = panels;
		size_t i = 0;
		for (; i + width <= count; i += width, panel += depth * width) {
			const float *end = panel + depth * width;
			for (size_t j = 0; j < width; j += LANES) {
				size_t lanes = least(LANES, width - j);
				put(panel + k * width + j, end, lanes == LANES ? load(x + i + j) : load_part(x + i + j, lanes), lanes);
			}
		}
		for (size_t j = 0; i < count && j < width; j++) panel[k * width + j] = i + j < count ? x[i + j] : 0;
	}
}

// pack_columns fills a panel [depth, width] from `count` rows x[i*leading ...] of `depth` elements.
static void pack_columns(float *panel, const float *x, size_t leading, size_t depth, size_t count, size_t width) {
	const float *panel_end = panel + depth * width;
	for (size_t k = 0; k < depth; k += LANES)
		for (size_t i = 0; i < width; i += LANES) {
			size_t inner = least(LANES, depth - k);
			vfloat rows[LANES];
#pragma GCC unroll 16
			for (size_t r = 0; r < LANES; r++)
				__builtin_prefetch(x + (width + i + r) * leading + k, 0, 2);
#pragma GCC unroll 16
			for (size_t r = 0; r < LANES; r++)
				rows[r] = i + r < count ? load_part(x + (i + r) * leading + k, inner) : splat(0);
			transpose(rows);
			// A store may run into the next row, except where that row already has its final values.
			const float *end = panel_end;
#pragma GCC unroll 16
			for (size_t r = 0; r < LANES; r++) {
				if (r >= inner) break;
				float *row = panel + (k + r) * width;
				if (width > LANES) end = row + width;
				put(row + i, end, rows[r], least(LANES, width - i));
			}
		}
}

void NAME(pack)(float *panels, const float *x, size_t leading, int transposed, size_t depth, size_t count, size_t width) {
	if (!transposed) {
		pack_rows(panels, x, leading, depth, count, width);
		return;
	}
	for (size_t i = 0; i < count; i += width)
		pack_columns(panels + i * depth, x + i * leading, leading, depth, least(width, count - i), width);
}

// tile multiplies `rows` rows of a panel of A by a panel of B. `rows` is a constant where this is inlined.
INLINE void tile(size_t rows, size_t depth, const float *a, size_t height, const float *b, float *c, size_t leading,
	int accumulate, const float *bias) {
	vfloat sum[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 16
	for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
		for (size_t j = 0; j < TILE_VECTORS; j++) {
			sum[i][j] = splat(0);
			__builtin_prefetch(c + i * leading + j * LANES, 1);
		}
	for (size_t k = 0; k < depth; k++, a += height, b += TILE_COLUMNS) {
		vfloat column[TILE_VECTORS];
#pragma GCC unroll 4
		for (size_t j = 0; j < TILE_VECTORS; j++) column[j] = load(b + j * LANES);
#pragma GCC unroll 16
		for (size_t i = 0; i < rows; i++) {
			vfloat x = splat(a[i]);
#pragma GCC unroll 4
			for (size_t j = 0; j < TILE_VECTORS; j++) sum[i][j] = multiply_add(x, column[j], sum[i][j]);
		}
	}
#pragma GCC unroll 16
	for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
		for (size_t j = 0; j < TILE_VECTORS; j++) {
			vfloat v = sum[i][j];
			float *element = c + i * leading + j * LANES;
			if (accumulate) v += load(element);
			if (bias) v += load(bias + j * LANES);
			store(element, v);
		}
}

static void full_tile(size_t rows, size_t depth, const float *a, size_t height, const float *b, float *c, size_t leading,
	int accumulate, const float *bias) {
#define TILE(n)                                                               \
	case n:                                                                   \
		tile(n, depth, a, height, b, c, leading, accumulate, bias); \
		break;
	switch (rows) {
		TILE(1)
		TILE(2)
		TILE(3)
		TILE(4)
		TILE(5)
#if TILE_ROWS > 5
		TILE(6)
#endif
#if TILE_ROWS > 6
		TILE(7)
		TILE(8)
		TILE(9)
		TILE(10)
		TILE(11)
		TILE(12)
#endif
#if TILE_ROWS > 12
		TILE(13)
		TILE(14)
#endif
	}
#undef TILE
}

// edge_tile is full_tile for the last columns of C, fewer than a register tile has: it works on a copy.
static void edge_tile(size_t rows, size_t columns, size_t depth, const float *a, size_t height, const float *b, float *c,
	size_t leading, int accumulate, const float *bias) {
	float copy[TILE_ROWS * TILE_COLUMNS], bias_copy[TILE_COLUMNS] = {0};
	for (size_t i = 0; accumulate && i < rows; i++) {
		for (size_t j = 0; j < TILE_COLUMNS; j++) copy[i * TILE_COLUMNS + j] = j < columns ? c[i * leading + j] : 0;
	}
	if (bias) memcpy(bias_copy, bias, columns * sizeof *bias);
	full_tile(rows, depth, a, height, b, copy, TILE_COLUMNS, accumulate, bias ? bias_copy : NULL);
	for (size_t i = 0; i < rows; i++) memcpy(c + i * leading, copy + i * TILE_COLUMNS, columns * sizeof *c);
}

// any_tile multiplies a panel of A by a panel of B.
static void any_tile(size_t rows, size_t columns, size_t depth, const float *a, size_t height, const float *b, float *c,
	size_t leading, int accumulate, const float *bias) {
	if (columns < TILE_COLUMNS)
		edge_tile(rows, columns, depth, a, height, b, c, leading, accumulate, bias);
	else
		full_tile(rows, depth, a, height, b, c, leading, accumulate, bias);
}

void NAME(multiply)(size_t rows, size_t columns, size_t depth, size_t height, const float *a, const float *b, float *c,
	size_t leading, int by_rows, int accumulate, const float *bias) {
	size_t panels_a = (rows + height - 1) / height, panels_b = (columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
	for (size_t n = 0; n < panels_a * panels_b; n++) {
		size_t i = height * (by_rows ? n / panels_b : n % panels_a);
		size_t j = TILE_COLUMNS * (by_rows ? n % panels_b : n / panels_a);
		any_tile(least(height, rows - i), columns - j, depth, a + i * depth, height, b + j * depth, c + i * leading + j,
			leading, accumulate, bias ? bias + j : NULL);
	}
}

// limit does multiply-adds in registers only, and returns the number of floating-point operations.
size_t NAME(limit)(size_t rounds, float *sink) {
	enum { SUMS = 12 };
	vfloat sum[SUMS], factor = splat(0.999f), term = splat(1e-6f), total = splat(0);
#pragma GCC unroll 12
	for (int i = 0; i < SUMS; i++) sum[i] = splat(i);
	for (size_t round = 0; round < rounds; round++)
#pragma GCC unroll 12
		for (int i = 0; i < SUMS; i++) sum[i] = multiply_add(sum[i], factor, term);
#pragma GCC unroll 12
	for (int i = 0; i < SUMS; i++) total += sum[i];
	*sink = sum_lanes(total);
	return rounds * SUMS * LANES * 2;
}
