// Matrix products of packed panels. A register tile holds TILE_ROWS × TILE_VECTORS vectors of C, which leaves registers for
// the vectors of B and an element of A. At least eight sums are in progress, so additions need not wait for each other.
#ifndef UER_MATMUL_INC_H
#define UER_MATMUL_INC_H

#include "epilogue.inc.h"

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
#define PACK_AHEAD 32 // rows between those that pack reads and those that it fetches

// A slot is a lane of a panel. It holds SLOT consecutive elements of K.
//
//   multiply_slots(x, y, sum)       adds the products of the elements in the slots to sum
//   slots_across(half, x, n)              makes slots from the first n elements at x, up to SLOT*LANES
//   slots_down(half, x, below, n, whole)  makes slots from the first n elements at x and, with two in a slot, those at below
//                                         unless that is NULL; n is LANES if whole
//
// The other elements are 0. If half, elements are stored as bfloat16, which only slots of two are made from.
#if defined(UER_BF16)
#define SLOT 2
#define PEAK_STEP(sum, x, y) multiply_slots(x, y, sum)
INLINE vfloat multiply_slots(vfloat x, vfloat y, vfloat sum) {
	return (vfloat)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)y);
}
INLINE vfloat slots_across(const int half, const float *x, size_t n) {
	if (half) return halves_across((const uint16_t *)x, n);
	vfloat first = load_some(x, n), second = n > LANES ? load_some(x + LANES, n - LANES) : splat(0);
	return (vfloat)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}
INLINE vfloat slots_down(const int half, const float *x, const float *below, size_t n, int whole) {
	if (half) return halves_down((const uint16_t *)x, (const uint16_t *)below, whole ? LANES : n);
	const __m512i pairs = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
		20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
	vfloat first = whole ? load(x) : load_part(x, n), second = !below ? splat(0) : whole ? load(below) : load_part(below, n);
	return (vfloat)_mm512_permutexvar_epi16(pairs, (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first));
}
#else
#define SLOT 1
#define PEAK_STEP(sum, x, y) multiply_slots(sum, x, y) // no factor that a compiler could move out of the loop
INLINE vfloat multiply_slots(vfloat x, vfloat y, vfloat sum) { return multiply_add(x, y, sum); }
INLINE vfloat slots_across(const int half, const float *x, size_t n) {
	(void)half;
	return load_some(x, n);
}
INLINE vfloat slots_down(const int half, const float *x, const float *below, size_t n, int whole) {
	(void)half, (void)below; // a slot holds one number here, a float
	return whole ? load(x) : load_part(x, n);
}
#endif

// element is the address of an element, whatever the type of the pointer.
INLINE const float *element(const int half, const float *x, size_t i) { return (const float *)((const char *)x + i * (half ? 2 : 4)); }

// pack_rows fills panels [slots, stride] of `width` lines each from `depth` rows x[k*leading ...] of `count` lines. If whole,
// all panels are full and consist of whole vectors. Inlining with constants leaves only the code they need.
INLINE void pack_rows(const int half, float *panels, const float *x, size_t leading, size_t depth, size_t count, size_t width,
	size_t stride, int whole) {
	size_t slots = ceil_divide(depth, SLOT);
	for (size_t s = 0; s < slots; s++, x = element(half, x, SLOT * leading)) {
		const float *below = s * SLOT + 1 < depth ? element(half, x, leading) : NULL;
		for (size_t ahead = PACK_AHEAD; ahead < PACK_AHEAD + SLOT; ahead++)
			for (size_t i = 0; i < count; i += CACHE_LINE) __builtin_prefetch(element(half, x, ahead * leading + i), 0, 2);
		float *row = panels + s * stride;
		for (size_t i = 0; i < count; i += width, row += slots * stride)
			for (size_t j = 0; j < stride; j += LANES) {
				size_t lines = min_size(width, count - i), n = whole ? LANES : j < lines ? min_size(lines - j, LANES) : 0;
				vfloat v = slots_down(half, element(half, x, i + j), below ? element(half, below, i + j) : NULL, n, whole);
				if (stride % LANES)
					store_part(row + j, v, min_size(stride - j, LANES));
				else
					store(row + j, v);
			}
	}
}

// pack_columns fills a panel [slots, stride] whose lines are `count` rows x[i*leading ...] of `depth` elements.
INLINE void pack_columns(const int half, float *panel, const float *x, size_t leading, size_t depth, size_t count, size_t stride) {
	size_t slots = ceil_divide(depth, SLOT);
	for (size_t s = 0; s < slots; s += LANES)
		for (size_t i = 0; i < stride; i += LANES) {
			const float *corner = element(half, x, i * leading + s * SLOT);
			size_t inner = min_size(LANES, slots - s), n = depth - s * SLOT;
			vfloat rows[LANES];
			UNROLL for (size_t r = 0; r < LANES; r++)
				for (size_t line = 0; line < SLOT * LANES; line += CACHE_LINE)
					__builtin_prefetch(element(half, corner, (count + r) * leading + line), 0, 2);
			UNROLL for (size_t r = 0; r < LANES; r++)
				rows[r] = i + r < count ? slots_across(half, element(half, corner, r * leading), n) : splat(0);
			transpose(rows);
			UNROLL for (size_t r = 0; r < LANES; r++) {
				if (r >= inner) break;
				store_some(panel + (s + r) * stride + i, rows[r], stride - i);
			}
		}
}

INLINE void pack_from(const int half, const struct pack *a) {
	const struct pack p = *a;
	const float *x = p.x.at;
	float *panels = p.panels;
	size_t slots = ceil_divide(p.depth, SLOT);
	if (!p.transpose && p.width == TILE_COLUMNS && p.count % TILE_COLUMNS == 0)
		pack_rows(half, panels, x, p.leading, p.depth, p.count, TILE_COLUMNS, TILE_COLUMNS, 1);
	else if (!p.transpose && p.stride == LANES)
		pack_rows(half, panels, x, p.leading, p.depth, p.count, p.width, LANES, 0);
	else if (!p.transpose)
		pack_rows(half, panels, x, p.leading, p.depth, p.count, p.width, p.stride, 0);
	else
		for (size_t i = 0; i < p.count; i += p.width, panels += slots * p.stride)
			pack_columns(half, panels, element(half, x, i * p.leading), p.leading, p.depth, min_size(p.width, p.count - i), p.stride);
}

static void pack(struct pack p) {
	if (SLOT == 2 && p.x.half) pack_from(1, &p);
	else pack_from(0, &p);
}

// tile multiplies `rows` rows of a panel of A by a panel of B; `rows` is a constant where this is inlined. Meanwhile it
// prefetches part of the panel that is needed next.
INLINE void tile(size_t rows, size_t depth, const float *a, size_t stride, const float *b, float *c, size_t leading,
	int accumulate, const float *bias, const float *next) {
	vfloat sum[TILE_ROWS][TILE_VECTORS];
	UNROLL for (size_t i = 0; i < rows; i++)
		UNROLL for (size_t j = 0; j < TILE_VECTORS; j++) {
			sum[i][j] = splat(0);
			__builtin_prefetch(c + i * leading + j * LANES, 1);
		}
#pragma GCC unroll 4
	for (size_t k = 0; k < depth; k++, a += stride, b += TILE_COLUMNS) {
		vfloat column[TILE_VECTORS];
		__builtin_prefetch(next + k * CACHE_LINE, 0, 2);
		UNROLL for (size_t j = 0; j < TILE_VECTORS; j++) column[j] = load(b + j * LANES);
		UNROLL for (size_t i = 0; i < rows; i++) {
			vfloat x = splat(a[i]);
			UNROLL for (size_t j = 0; j < TILE_VECTORS; j++) sum[i][j] = multiply_slots(x, column[j], sum[i][j]);
		}
	}
	UNROLL for (size_t i = 0; i < rows; i++)
		UNROLL for (size_t j = 0; j < TILE_VECTORS; j++) {
			vfloat v = sum[i][j];
			float *element = c + i * leading + j * LANES;
			if (accumulate) v += load(element);
			if (bias) v += load(bias + j * LANES);
			store(element, v);
		}
}

static void full_tile(size_t rows, size_t depth, const float *a, size_t stride, const float *b, float *c, size_t leading,
	int accumulate, const float *bias, const float *next) {
#define TILE(n)                                                              \
	case n:                                                                  \
		tile(n, depth, a, stride, b, c, leading, accumulate, bias, next); \
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

// edge_tile is full_tile for the last columns of C, fewer than those of a register tile. It works on a copy.
static void edge_tile(size_t rows, size_t columns, size_t depth, const float *a, size_t stride, const float *b, float *c,
	size_t leading, int accumulate, const float *bias, const float *next) {
	float copy[TILE_ROWS * TILE_COLUMNS], bias_copy[TILE_COLUMNS] = {0};
	for (size_t i = 0; accumulate && i < rows; i++) {
		for (size_t j = 0; j < TILE_COLUMNS; j++) copy[i * TILE_COLUMNS + j] = j < columns ? c[i * leading + j] : 0;
	}
	if (bias) memcpy(bias_copy, bias, columns * sizeof *bias);
	full_tile(rows, depth, a, stride, b, copy, TILE_COLUMNS, accumulate, bias ? bias_copy : NULL, next);
	for (size_t i = 0; i < rows; i++) memcpy(c + i * leading, copy + i * TILE_COLUMNS, columns * sizeof *c);
}

// multiply_panels multiplies panel i of A by panel j of B.
static void multiply_panels(const struct multiply *t, size_t i, size_t j, const float *next) {
	size_t row = i * t->height, column = j * TILE_COLUMNS;
	size_t rows = min_size(t->height, t->rows - row), columns = min_size(TILE_COLUMNS, t->columns - column);
	const float *a = t->a + i * t->stride * t->depth, *b = t->b + column * t->depth, *bias = t->bias ? t->bias + column : NULL;
	struct array residual = t->residual;
	for (size_t r = 0; residual.at && r < rows; r++)
		for (size_t l = 0; l < columns; l += CACHE_LINE)
			__builtin_prefetch(element(residual.half, residual.at, (row + r) * t->leading + column + l));
	if (SLOT == 2 && (t->c.half || t->addend.half)) {
		float sums[TILE_ROWS * TILE_COLUMNS];
		full_tile(rows, t->depth, a, t->stride, b, sums, TILE_COLUMNS, 0, NULL, next);
		finish_tile(t, row, column, rows, columns, sums, TILE_COLUMNS);
		return;
	}
	float *c = (float *)t->c.at + row * t->leading + column;
	int accumulate = t->addend.at != NULL;
	if (columns < TILE_COLUMNS)
		edge_tile(rows, columns, t->depth, a, t->stride, b, c, t->leading, accumulate, bias, next);
	else
		full_tile(rows, t->depth, a, t->stride, b, c, t->leading, accumulate, bias, next);
	struct multiply rest = *t;
	rest.addend.at = NULL, rest.bias = NULL;
	if (!sums_stay(&rest)) finish_tile(&rest, row, column, rows, columns, c, t->leading);
}

static void multiply(struct multiply t) {
	size_t panels_a = ceil_divide(t.rows, t.height), panels_b = ceil_divide(t.columns, TILE_COLUMNS);
	// The outer factor comes from the third-level cache. Its next panel is prefetched while the current one is in use, a cache
	// line per step in depth.
	const float *outer = t.by_rows ? t.a : t.b;
	size_t stride = t.by_rows ? t.stride : TILE_COLUMNS;
	for (size_t i = 0; i < (t.by_rows ? panels_a : panels_b); i++)
		for (size_t j = 0; j < (t.by_rows ? panels_b : panels_a); j++) {
			const float *next = outer + ((i + 1) * stride + j * CACHE_LINE) * t.depth;
			if (j * CACHE_LINE >= stride) next = outer + i * stride * t.depth;
			multiply_panels(&t, t.by_rows ? i : j, t.by_rows ? j : i, next);
		}
	stream_end();
}

// peak does multiply-adds in registers only, and returns how many floating-point operations those were.
static size_t peak(size_t rounds, float *sink) {
	enum { SUMS = LANES == 16 ? 24 : 14 }; // enough to keep additions from waiting, within the registers
	vfloat sum[SUMS], factor = splat(0.999f), term = splat(1e-6f), total = splat(0);
	UNROLL for (int i = 0; i < SUMS; i++) sum[i] = splat(i);
	for (size_t round = 0; round < rounds; round++)
		UNROLL for (int i = 0; i < SUMS; i++) sum[i] = PEAK_STEP(sum[i], factor, term);
	UNROLL for (int i = 0; i < SUMS; i++) total += sum[i];
	*sink = sum_lanes(total);
	return rounds * SUMS * LANES * SLOT * 2;
}

#define MATMUL {TILE_ROWS, TILE_COLUMNS, 0, SLOT, 1, 1, 768 * SLOT, 96, pack, multiply, peak}

#endif
