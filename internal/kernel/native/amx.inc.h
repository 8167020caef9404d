// Products of factors in bfloat16 on the tiles of AMX: see routine.TileDepth. Panels hold pairs of bfloat16 numbers, which
// follow each other in K, as floats. A panel of 32 lines has for each unit of TILE_DEPTH and each part
//
//   of A: two tiles [16 lines][16 pairs]
//   of B: the pairs of all lines, [16 pairs][32 lines], which are two tiles side by side; the smallest part comes first
//
// Tiles 0 to 3 are the sums of 32 × 32 elements of C, 4 and 5 are of A, 6 and 7 of B.
#ifndef UER_AMX_INC_H
#define UER_AMX_INC_H

#include "epilogue.inc.h"
#include "parts.inc.h"

#if defined(UER_AMX_EMULATED)
#include "amx_emulated.inc.h"
#else
#define TILE_ZERO(t) _tile_zero(t)
#define TILE_LOAD(t, p, stride) _tile_loadd(t, p, stride)
#define TILE_LOAD_ONCE(t, p, stride) _tile_stream_loadd(t, p, stride)
#define TILE_STORE(t, p, stride) _tile_stored(t, p, stride)
#define TILE_MULTIPLY(c, a, b) _tile_dpbf16ps(c, a, b)
// A compiler may take loads of tiles for something that reads no memory, and move what was stored before behind them.
#define TILE_LOADS_FOLLOW() __asm__ volatile("" ::: "memory")

// The eight tiles, of 16 rows of 64 bytes each.
static const struct {
	uint8_t palette, start_row, reserved[14];
	uint16_t row_bytes[16];
	uint8_t rows[16];
} tile_shapes __attribute__((aligned(64))) = {
	.palette = 1,
	.row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
	.rows = {16, 16, 16, 16, 16, 16, 16, 16},
};
// Tiles live within one call: Go knows nothing of them.
INLINE void tiles_begin(void) { _tile_loadconfig(&tile_shapes); }
INLINE void tiles_end(void) { _tile_release(); }
#endif

enum {
	AMX_LINES = 32,
	AMX_TILE = 256,            // floats
	AMX_PART = 2 * AMX_TILE,   // of a panel in a unit
	AMX_ROW = 64,              // bytes
	AMX_PAIRS = TILE_DEPTH / 2,
};

// amx_parts makes the parts of two vectors: each part holds the numbers of low, then those of high.
INLINE void amx_parts(const int parts, vfloat low, vfloat high, vfloat *part) {
	for (int p = 0; p < parts; p++) {
		__m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
		part[p] = (vfloat)both;
		if (p + 1 < parts) {
			low -= (vfloat)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(both)), 16);
			high -= (vfloat)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(both, 1)), 16);
		}
	}
}

// pairs_across makes pairs from the first n elements of a line.
INLINE void pairs_across(const int parts, const float *x, size_t n, vfloat *part) {
	amx_parts(parts, load_some(x, n), n > LANES ? load_some(x + LANES, n - LANES) : splat(0), part);
}

// pairs_down makes pairs from n elements of a row and those of the row below; either may be NULL.
INLINE void pairs_down(const int parts, const float *x, const float *below, size_t n, vfloat *part) {
	const __m512i pairs = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
		20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
	amx_parts(parts, x ? load_some(x, n) : splat(0), below ? load_some(below, n) : splat(0), part);
	for (int p = 0; p < parts; p++) part[p] = (vfloat)_mm512_permutexvar_epi16(pairs, (__m512i)part[p]);
}

// amx_pack_half fills the part of a unit that belongs to 16 lines: tile [16 lines][16 pairs] of a panel of A, or
// [16 pairs][16 lines] of rows of a panel of B. x is the first element, depth and lines are what is there of K and of them.
INLINE void amx_pack_half(const int parts, const int of_b, const int transpose_x, float *to, struct array x, size_t leading, size_t depth,
	size_t lines) {
	vfloat rows[3][LANES];
	UNROLL for (size_t r = 0; r < LANES; r++) {
		vfloat part[3];
		if (transpose_x) { // a line is a row
			if (r < lines) {
				__builtin_prefetch(array_at(x, (r + AMX_LINES) * leading).at, 0, 2);
				if (!x.half) __builtin_prefetch(array_at(x, (r + AMX_LINES) * leading + CACHE_LINE).at, 0, 2);
				if (parts == 1 && x.half) part[0] = halves_across(array_at(x, r * leading).at, depth);
				else pairs_across(parts, array_at(x, r * leading).at, depth, part);
			} else
				part[0] = part[1] = part[2] = splat(0);
		} else {
			const void *row = 2 * r < depth && lines ? array_at(x, 2 * r * leading).at : NULL;
			const void *below = 2 * r + 1 < depth && lines ? array_at(x, (2 * r + 1) * leading).at : NULL;
			if (parts == 1 && x.half) part[0] = halves_down(row, below, lines);
			else pairs_down(parts, row, below, lines, part);
		}
		for (int p = 0; p < parts; p++) rows[p][r] = part[p];
	}
	for (int p = 0; p < parts; p++) {
		if (of_b == transpose_x) transpose(rows[p]);
		float *first = of_b ? to + (parts - 1 - p) * AMX_PART : to + p * AMX_PART;
		UNROLL for (size_t r = 0; r < LANES; r++) store(first + r * (of_b ? AMX_LINES : AMX_PAIRS), rows[p][r]);
	}
}

INLINE void amx_pack(const int parts, const int half, const int of_b, const int transpose_x, const struct pack *p) {
	float *to = p->panels;
	for (size_t i = 0; i < p->count; i += AMX_LINES)
		for (size_t k = 0; k < p->depth; k += TILE_DEPTH, to += parts * AMX_PART)
			for (size_t side = 0; side < 2; side++) {
				size_t line = i + side * LANES, lines = line < p->count ? min_size(LANES, p->count - line) : 0;
				struct array x = array_at(as_half(half, p->x), transpose_x ? line * p->leading + k : k * p->leading + line);
				amx_pack_half(parts, of_b, transpose_x, to + side * (of_b ? LANES : AMX_TILE), x, p->leading, p->depth - k, lines);
			}
}

INLINE void amx_pack_from(const int parts, const int half, const struct pack *p) {
	if (p->of_b && p->transpose) amx_pack(parts, half, 1, 1, p);
	else if (p->of_b) amx_pack(parts, half, 1, 0, p);
	else if (p->transpose) amx_pack(parts, half, 0, 1, p);
	else amx_pack(parts, half, 0, 0, p);
}

INLINE void amx_pack_parts(const int parts, const struct pack *p) {
	if (parts == 1 && p->x.half) amx_pack_from(parts, 1, p);
	else amx_pack_from(parts, 0, p);
}

// What is loaded again soon stays in the first-level cache. Everything else is loaded without pushing that out, which makes a
// product a fifth faster.
#define LOAD(stays, t, p, stride)                \
	do {                                         \
		if (stays) {                             \
			TILE_LOAD(t, p, stride);             \
		} else {                                 \
			TILE_LOAD_ONCE(t, p, stride);        \
		}                                        \
	} while (0)
#define LOAD_A(part)                                                                   \
	do {                                                                               \
		LOAD(a_stays, 4, a + (part) * AMX_PART, AMX_ROW);                              \
		if (lower) LOAD(a_stays, 5, a + (part) * AMX_PART + AMX_TILE, AMX_ROW);        \
	} while (0)
#define LOAD_B(part)                                                                                          \
	do {                                                                                                      \
		LOAD(b_stays, 6, b + (parts - 1 - (part)) * AMX_PART, 2 * AMX_ROW);                                   \
		if (right) LOAD(b_stays, 7, b + (parts - 1 - (part)) * AMX_PART + LANES, 2 * AMX_ROW);                \
	} while (0)
#define MULTIPLY                                    \
	do {                                            \
		TILE_MULTIPLY(0, 4, 6);                     \
		if (right) TILE_MULTIPLY(1, 4, 7);          \
		if (lower) TILE_MULTIPLY(2, 5, 6);          \
		if (lower && right) TILE_MULTIPLY(3, 5, 7); \
	} while (0)

// amx_unit adds the products of a unit to the sums, in the order of routine.Precision.Products: from one to the next, a
// factor stays in its tiles. lower and right tell which tiles beside the first are wanted.
INLINE void amx_unit(const int parts, const int a_stays, const int b_stays, const int lower, const int right, const float *a,
	const float *b) {
	if (parts == 1) {
		LOAD_A(0);
		LOAD_B(0);
		MULTIPLY;
	} else if (parts == 2) {
		LOAD_A(0);
		LOAD_B(1);
		MULTIPLY;
		LOAD_B(0);
		MULTIPLY;
		LOAD_A(1);
		MULTIPLY;
	} else {
		LOAD_A(0);
		LOAD_B(2);
		MULTIPLY;
		LOAD_B(1);
		MULTIPLY;
		LOAD_A(1);
		MULTIPLY;
		LOAD_B(0);
		MULTIPLY;
		LOAD_A(0);
		MULTIPLY;
		LOAD_A(2);
		MULTIPLY;
	}
}

// What a tile fetches for the next ones into the second-level cache, or loads of tiles would wait for the third.
struct amx_next {
	const float *panel; // a share of the next panel of the outer factor
	size_t lines;       // of the cache in a unit
	const char *c;      // the next tile of C
	size_t leading;     // bytes
};

INLINE void amx_fetch(const struct amx_next *next, size_t unit) {
	for (size_t i = 0; i < next->lines; i++) __builtin_prefetch(next->panel + (unit * next->lines + i) * CACHE_LINE, 0, 2);
	for (size_t r = 2 * unit; r < 2 * unit + 2 && r < AMX_LINES; r++) {
		__builtin_prefetch(next->c + r * next->leading, 1, 2);
		__builtin_prefetch(next->c + r * next->leading + AMX_ROW, 1, 2);
	}
}

// amx_units sums all units of two panels. The first of the outer factor's, at most 32 KB, stay in the first-level cache.
INLINE void amx_units(const int parts, const int lower, const int right, const struct multiply *t, const float *a, const float *b,
	const struct amx_next *next) {
	const size_t unit = parts * AMX_PART, staying = min_size(t->depth, parts == 1 ? 16 : parts == 2 ? 8 : 5);
	size_t u = 0;
	TILE_ZERO(0);
	TILE_ZERO(1);
	TILE_ZERO(2);
	TILE_ZERO(3);
	if (t->by_rows)
		for (; u < staying; u++) amx_fetch(next, u), amx_unit(parts, 1, 0, lower, right, a + u * unit, b + u * unit);
	else
		for (; u < staying; u++) amx_fetch(next, u), amx_unit(parts, 0, 1, lower, right, a + u * unit, b + u * unit);
	for (; u < t->depth; u++) amx_fetch(next, u), amx_unit(parts, 0, 0, lower, right, a + u * unit, b + u * unit);
}

// amx_panels multiplies panel i of A by panel j of B.
INLINE void amx_panels(const int parts, const struct multiply *t, size_t i, size_t j, const struct amx_next *next) {
	size_t row = i * AMX_LINES, column = j * AMX_LINES, panel = parts * AMX_PART * t->depth;
	size_t rows = min_size(AMX_LINES, t->rows - row), columns = min_size(AMX_LINES, t->columns - column);
	const float *a = t->a + i * panel, *b = t->b + j * panel;
	if (rows > LANES && columns > LANES) amx_units(parts, 1, 1, t, a, b, next);
	else if (rows > LANES) amx_units(parts, 1, 0, t, a, b, next);
	else if (columns > LANES) amx_units(parts, 0, 1, t, a, b, next);
	else amx_units(parts, 0, 0, t, a, b, next);
	float edge[AMX_LINES * AMX_LINES] __attribute__((aligned(64)));
	int direct = rows == AMX_LINES && columns == AMX_LINES && sums_stay(t);
	float *to = direct ? (float *)t->c.at + row * t->leading + column : edge;
	size_t leading = direct ? t->leading : AMX_LINES;
	TILE_STORE(0, to, leading * sizeof *to);
	TILE_STORE(1, to + LANES, leading * sizeof *to);
	TILE_STORE(2, to + LANES * leading, leading * sizeof *to);
	TILE_STORE(3, to + LANES * leading + LANES, leading * sizeof *to);
	if (!direct) finish_tile(t, row, column, rows, columns, to, leading);
}

INLINE void amx_multiply(const int parts, const struct multiply *t) {
	size_t panels_a = ceil_divide(t->rows, AMX_LINES), panels_b = ceil_divide(t->columns, AMX_LINES);
	size_t outer = t->by_rows ? panels_a : panels_b, inner = t->by_rows ? panels_b : panels_a;
	size_t panel = parts * AMX_PART * t->depth, share = ceil_divide(parts * AMX_PART / CACHE_LINE, inner);
	tiles_begin();
	for (size_t o = 0; o < outer; o++)
		for (size_t n = 0; n < inner; n++) {
			size_t next_o = n + 1 < inner ? o : o + 1, next_n = n + 1 < inner ? n + 1 : 0;
			size_t next_row = t->by_rows ? next_o : next_n, next_column = t->by_rows ? next_n : next_o;
			struct amx_next next = {
				.panel = (t->by_rows ? t->a : t->b) + (o + 1) * panel + n * share * CACHE_LINE * t->depth,
				.lines = o + 1 < outer ? share : 0,
				.c = array_at(t->c, next_row * AMX_LINES * t->leading + next_column * AMX_LINES).at,
				.leading = t->leading * (t->c.half ? 2 : 4),
			};
			amx_panels(parts, t, t->by_rows ? o : n, t->by_rows ? n : o, &next);
		}
	tiles_end();
	stream_end();
}

// amx_peak multiplies tiles of random numbers, since zeros take less power, and a processor may then run faster.
static size_t amx_peak(size_t rounds, float *sink) {
	uint16_t factors[2][2 * AMX_TILE] __attribute__((aligned(64)));
	float sums[AMX_TILE] __attribute__((aligned(64)));
	uint32_t state = 1;
	for (size_t i = 0; i < sizeof factors / sizeof factors[0][0]; i++) {
		state = state * 1664525 + 1013904223;
		factors[i / (2 * AMX_TILE)][i % (2 * AMX_TILE)] = (uint16_t)(0x3f00 | state >> 24 | (state >> 8 & 0x8000));
	}
	tiles_begin();
	TILE_ZERO(0);
	TILE_ZERO(1);
	TILE_ZERO(2);
	TILE_ZERO(3);
	TILE_LOAD(4, factors[0], AMX_ROW);
	TILE_LOAD(6, factors[1], AMX_ROW);
	for (size_t round = 0; round < rounds; round += 4) {
		TILE_MULTIPLY(0, 4, 6);
		TILE_MULTIPLY(1, 4, 6);
		TILE_MULTIPLY(2, 4, 6);
		TILE_MULTIPLY(3, 4, 6);
	}
	TILE_STORE(0, sums, AMX_ROW);
	tiles_end();
	*sink = sums[0];
	return ceil_divide(rounds, 4) * 4 * 2 * AMX_TILE * TILE_DEPTH;
}

// AMX defines the routines for a number of parts.
#define AMX(parts)                                                                   \
	static void amx_pack_##parts(struct pack p) { amx_pack_parts(parts, &p); }       \
	static void amx_multiply_##parts(struct multiply t) { amx_multiply(parts, &t); } \
	static size_t amx_peak_##parts(size_t rounds, float *sink) { return amx_peak(rounds, sink) / part_products[parts].count; }
AMX(1)
AMX(2)
AMX(3)
#define AMX_MATMUL(parts)                                                                                             \
	{AMX_LINES, AMX_LINES, 1, TILE_DEPTH, AMX_PAIRS * parts, AMX_PAIRS * parts, PARTS_DEPTH(parts), 384, amx_pack_##parts, \
		amx_multiply_##parts, amx_peak_##parts}

#endif
