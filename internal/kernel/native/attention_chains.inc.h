// Products of attention by chains of multiply-adds: see attention_product.inc.h. Right factors are panels as those of other
// products, left ones rounded floats wherever they are.
#ifndef UER_ATTENTION_CHAINS_INC_H
#define UER_ATTENTION_CHAINS_INC_H

#include "attention_product.inc.h"
#include "chains.inc.h"

enum { STRETCH = ATTENTION_BLOCK, RIGHT_LINES = CHAIN_COLUMNS, RIGHT_UNIT = CHAIN_UNIT };
#define LEFT_SIZE(depth) (ATTENTION_BLOCK * padded(depth))
#define KEPT_SIZE(keys) 0

INLINE void tiles_begin(void) {}
INLINE void tiles_end(void) {}

INLINE vfloat left_number(vfloat x) { return to_bfloat16(x); }

// numbers is the next n of an array, rounded to bfloat16.
INLINE vfloat numbers(struct array x, size_t element, size_t n) {
	vfloat v = load_array(x, element, n);
	return x.half ? v : to_bfloat16(v);
}

static struct left_factor left_rows(float *to, struct array x, size_t leading, size_t lines, size_t depth) {
	const size_t step = padded(depth);
	for (size_t i = 0; i < lines; i++)
		for (size_t k = 0; k < step; k += LANES)
			store(to + i * step + k, k < depth ? numbers(x, i * leading + k, depth - k) : splat(0));
	return (struct left_factor){to, step, 1};
}

INLINE struct left_factor left_scores(float *to, float *s, size_t step, size_t lines, size_t depth) {
	(void)to, (void)lines, (void)depth;
	return (struct left_factor){s, step, 1};
}

// keep_scores clears what the last pair lacks.
static void keep_scores(float *to, float *s, size_t step, size_t block, size_t rows, size_t keys) {
	(void)to, (void)block;
	if (rows % 2) memset(s + rows * step, 0, keys * sizeof *s);
}

INLINE struct left_factor kept_scores(const float *kept, const float *s, size_t step, size_t block, size_t key) {
	(void)kept, (void)block;
	return (struct left_factor){s + key, 1, step};
}

INLINE vfloat pair_up(vfloat even, vfloat odd) { return (vfloat)((vuint)even >> 16 | (vuint)odd); }

static void right_rows(float *to, struct array x, size_t leading, size_t lines, size_t depth) {
	for (size_t i = 0; i < lines; i += LANES) {
		float *panel = to + i / RIGHT_LINES * (padded(depth) / 2 * RIGHT_LINES) + i % RIGHT_LINES;
		for (size_t k = 0; k < depth; k += LANES) {
			vfloat rows[LANES]; // [lines][depth]
			UNROLL for (size_t r = 0; r < LANES; r++)
				rows[r] = i + r < lines ? numbers(x, (i + r) * leading + k, depth - k) : splat(0);
			transpose(rows);
			UNROLL for (size_t r = 0; r < LANES; r += 2) store(panel + (k + r) / 2 * RIGHT_LINES, pair_up(rows[r], rows[r + 1]));
		}
	}
}

static void right_columns(float *to, size_t step, struct array x, size_t leading, size_t lines, size_t depth) {
	for (size_t k = 0; k < depth; k += 2, to += RIGHT_LINES)
		for (size_t i = 0; i < lines; i += LANES) {
			vfloat even = numbers(x, k * leading + i, lines - i), odd = splat(0);
			if (k + 1 < depth) odd = numbers(x, (k + 1) * leading + i, lines - i);
			store(to + i / RIGHT_LINES * step + i % RIGHT_LINES, pair_up(even, odd));
		}
}

// sum_lines is the product of some lines with some vectors of a panel.
INLINE void sum_lines(const size_t lines, const size_t vectors, const struct tile_product *p, const float *a, const float *b,
	float *c) {
	if (!p->accumulate)
		UNROLL for (size_t r = 0; r < lines; r++)
			UNROLL for (size_t v = 0; v < vectors; v++) store(c + r * p->c_step + v * LANES, splat(0));
	for (size_t k = 0; k < p->depth; k += TILE_DEPTH, b += RIGHT_UNIT)
		chain_step(lines, vectors, ceil_divide(min_size(p->depth - k, TILE_DEPTH), 2), a + k * p->a.depth_step, p->a.line_step,
			p->a.depth_step, b, c, p->c_step);
}

// product_sums is a function of its own, so that no arithmetic leaves or enters the stretch in which subnormal numbers are zeros.
static __attribute__((noinline)) void product_sums(const struct tile_product *p) {
#define LINES(n)                                                  \
	case n:                                                       \
		if (whole) sum_lines(n, CHAIN_VECTORS, p, a, b, c);       \
		else sum_lines(n, 1, p, a, b, c);                         \
		break;
	for (size_t column = 0; column < p->columns; column += RIGHT_LINES)
		for (size_t row = 0, lines; row < p->rows; row += lines) {
			const float *a = p->a.x + row * p->a.line_step, *b = p->b + column / RIGHT_LINES * p->b_step;
			float *c = p->c + row * p->c_step + column;
			size_t left = p->rows - row, whole = p->columns - column > LANES;
			lines = left >= 2 * CHAIN_ROWS ? CHAIN_ROWS : left > CHAIN_ROWS ? (left + 1) / 2 : left; // the last two share theirs
			switch (lines) {
				LINES(1)
				LINES(2)
				LINES(3)
#if CHAIN_ROWS > 3
				LINES(4)
				LINES(5)
				LINES(6)
				LINES(7)
#endif
			}
		}
#undef LINES
}

static __attribute__((noinline)) void tile_product(const struct tile_product *p) {
	const unsigned flush = 0x8040; // results to zero, operands as zeros
	unsigned mode = _mm_getcsr();
	_mm_setcsr(mode | flush);
	product_sums(p);
	_mm_setcsr(mode);
}

#endif
