// Matrix products of packed panels. A register tile holds TILE_ROWS × TILE_VECTORS vectors of C, and leaves registers for
// the vectors of B and an element of A; with at least eight sums under way, additions wait for none.
#include "activation.inc.h"
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
#define LINE 16       // elements in a line of the cache
#define PACK_AHEAD 32 // rows between those that pack reads and those that it fetches

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

// tile multiplies `rows` rows of a panel of A by a panel of B. `rows` is a constant where this is inlined. Beside it fetches
// a panel's part that is needed next.
INLINE void tile(size_t rows, size_t depth, const float *a, size_t height, const float *b, float *c, size_t leading,
	int accumulate, const float *bias, const float *next) {
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
		__builtin_prefetch(next + k * LINE, 0, 2);
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
	int accumulate, const float *bias, const float *next) {
#define TILE(n)                                                              \
	case n:                                                                  \
		tile(n, depth, a, height, b, c, leading, accumulate, bias, next); \
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
	size_t leading, int accumulate, const float *bias, const float *next) {
	float copy[TILE_ROWS * TILE_COLUMNS], bias_copy[TILE_COLUMNS] = {0};
	for (size_t i = 0; accumulate && i < rows; i++) {
		for (size_t j = 0; j < TILE_COLUMNS; j++) copy[i * TILE_COLUMNS + j] = j < columns ? c[i * leading + j] : 0;
	}
	if (bias) memcpy(bias_copy, bias, columns * sizeof *bias);
	full_tile(rows, depth, a, height, b, copy, TILE_COLUMNS, accumulate, bias ? bias_copy : NULL, next);
	for (size_t i = 0; i < rows; i++) memcpy(c + i * leading, copy + i * TILE_COLUMNS, columns * sizeof *c);
}

// activate_tile applies an activation to a register tile's part of C.
INLINE void activate_tile(const int kind, float *c, float *before, size_t leading, size_t rows, size_t columns) {
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < columns; j += LANES) {
			size_t element = i * leading + j;
			vfloat slope, value = load_some(c + element, columns - j);
			if (before && columns - j >= LANES)
				stream(before + element, value);
			else if (before)
				store_part(before + element, value, columns - j);
			store_some(c + element, activate(kind, value, &slope), columns - j);
		}
}

// multiply_panels does panel i of A and panel j of B.
static void multiply_panels(const uer_block *t, size_t i, size_t j, const float *next) {
	size_t row = i * t->height, column = j * TILE_COLUMNS;
	size_t rows = least(t->height, t->rows - row), columns = least(TILE_COLUMNS, t->columns - column);
	const float *a = t->a + row * t->depth, *b = t->b + column * t->depth, *bias = t->bias ? t->bias + column : NULL;
	float *c = t->c + row * t->leading + column, *before = t->before ? t->before + row * t->leading + column : NULL;
	if (columns < TILE_COLUMNS)
		edge_tile(rows, columns, t->depth, a, t->height, b, c, t->leading, t->accumulate, bias, next);
	else
		full_tile(rows, t->depth, a, t->height, b, c, t->leading, t->accumulate, bias, next);
	if (t->activation != ACTIVATION_NONE) FOR_ACTIVATION(t->activation, activate_tile, c, before, t->leading, rows, columns)
}

void NAME(multiply)(uer_block t) {
	size_t panels_a = (t.rows + t.height - 1) / t.height, panels_b = (t.columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
	// The outer factor comes from the third-level cache. Its next panel is fetched while the present one is in use, a
	// line for every step in depth.
	const float *outer = t.by_rows ? t.a : t.b;
	size_t width = t.by_rows ? t.height : TILE_COLUMNS;
	for (size_t i = 0; i < (t.by_rows ? panels_a : panels_b); i++)
		for (size_t j = 0; j < (t.by_rows ? panels_b : panels_a); j++) {
			const float *next = outer + ((i + 1) * width + j * LINE) * t.depth;
			if (j * LINE >= width) next = outer + i * width * t.depth;
			multiply_panels(&t, t.by_rows ? i : j, t.by_rows ? j : i, next);
		}
	stream_end();
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
