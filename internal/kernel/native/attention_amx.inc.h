// Products of attention on the tiles of AMX: see attention_product.inc.h. Factors are panels as those of other products.
#ifndef UER_ATTENTION_AMX_INC_H
#define UER_ATTENTION_AMX_INC_H

#include "amx.inc.h"
#include "attention_product.inc.h"

_Static_assert((int)ATTENTION_BLOCK == (int)AMX_LINES, "a block of queries is a panel");

// STRETCH is the number of queries that are summed in tiles: the more, the less often dk and dv go to memory and back.
enum { STRETCH = 128, RIGHT_LINES = AMX_LINES, RIGHT_UNIT = AMX_PART };
#define LEFT_SIZE(depth) (ceil_divide(depth, TILE_DEPTH) * AMX_PART)
#define KEPT_SIZE(keys) (ceil_divide(keys, AMX_LINES) * (STRETCH / TILE_DEPTH) * AMX_PART)

INLINE vfloat left_number(vfloat x) { return x; }

static struct left_factor left_rows(float *to, const float *x, size_t leading, size_t lines, size_t depth) {
	for (size_t i = 0; i < lines; i++, x += leading)
		for (size_t k = 0; k < depth; k += TILE_DEPTH) {
			vfloat pairs;
			pairs_across(1, x + k, depth - k, &pairs);
			store(to + k / TILE_DEPTH * AMX_PART + i * AMX_PAIRS, pairs);
		}
	return (struct left_factor){.x = to};
}

INLINE struct left_factor left_scores(float *to, const float *s, size_t step, size_t lines, size_t depth) {
	return left_rows(to, s, step, lines, padded(depth)); // of zeros beyond
}

static void keep_scores(float *to, float *s, size_t step, size_t block, size_t rows, size_t keys) {
	for (size_t j = 0; j < keys; j += LANES) {
		float *tile = to + (j / AMX_LINES * (STRETCH / TILE_DEPTH) + block) * AMX_PART + j % AMX_LINES * AMX_PAIRS;
		vfloat lines[LANES]; // [pairs][keys]
		UNROLL for (size_t r = 0; r < LANES; r++) {
			const float *x = s + 2 * r * step + j;
			lines[r] = splat(0);
			if (2 * r < rows) pairs_down(1, x, 2 * r + 1 < rows ? x + step : NULL, LANES, lines + r);
		}
		transpose(lines);
		UNROLL for (size_t r = 0; r < LANES; r++) store(tile + r * AMX_PAIRS, lines[r]);
	}
}

INLINE struct left_factor kept_scores(const float *kept, const float *s, size_t step, size_t block, size_t key) {
	(void)s, (void)step;
	return (struct left_factor){.x = kept + (key / AMX_LINES * (STRETCH / TILE_DEPTH) + block) * AMX_PART};
}

static void right_rows(float *to, const float *x, size_t leading, size_t lines, size_t depth) {
	for (size_t i = 0; i < lines; i += LANES, x += LANES * leading) {
		float *half = to + i / AMX_LINES * (padded(depth) / TILE_DEPTH * AMX_PART) + i % AMX_LINES;
		for (size_t k = 0; k < depth; k += TILE_DEPTH, half += AMX_PART) {
			vfloat rows[LANES]; // [lines][pairs]
			UNROLL for (size_t r = 0; r < LANES; r++) {
				rows[r] = splat(0);
				if (i + r < lines) pairs_across(1, x + r * leading + k, depth - k, rows + r);
			}
			transpose(rows);
			UNROLL for (size_t r = 0; r < LANES; r++) store(half + r * AMX_LINES, rows[r]);
		}
	}
}

static void right_columns(float *to, size_t step, const float *x, size_t leading, size_t lines, size_t depth) {
	for (size_t k = 0; k < padded(depth); k += 2, x += 2 * leading) { // a row of pairs, in all panels
		const float *row = k < depth ? x : NULL, *below = k + 1 < depth ? x + leading : NULL;
		for (size_t i = 0; i < lines; i += LANES) {
			vfloat pairs = splat(0);
			if (row) pairs_down(1, row + i, below ? below + i : NULL, lines - i, &pairs);
			store(to + i / AMX_LINES * step + k / 2 * AMX_LINES + i % AMX_LINES, pairs);
		}
	}
}

// sum_panel is the product with a panel. lower and right tell which tiles beside the first are wanted.
INLINE void sum_panel(const int lower, const int right, const struct tile_product *p, float *c, const float *b) {
	const size_t bytes = p->c_step * sizeof *c;
	if (p->accumulate) {
		TILE_LOAD(0, c, bytes);
		if (right) TILE_LOAD(1, c + LANES, bytes);
		if (lower) TILE_LOAD(2, c + LANES * p->c_step, bytes);
		if (lower && right) TILE_LOAD(3, c + LANES * p->c_step + LANES, bytes);
	} else {
		TILE_ZERO(0);
		if (right) TILE_ZERO(1);
		if (lower) TILE_ZERO(2);
		if (lower && right) TILE_ZERO(3);
	}
	for (size_t u = 0; u < ceil_divide(p->depth, TILE_DEPTH); u++) amx_unit(1, 1, 1, lower, right, p->a.x + u * AMX_PART, b + u * AMX_PART);
	TILE_STORE(0, c, bytes);
	if (right) TILE_STORE(1, c + LANES, bytes);
	if (lower) TILE_STORE(2, c + LANES * p->c_step, bytes);
	if (lower && right) TILE_STORE(3, c + LANES * p->c_step + LANES, bytes);
}

static void tile_product(const struct tile_product *p) {
	TILE_LOADS_FOLLOW();
	for (size_t column = 0; column < p->columns; column += AMX_LINES) {
		float *c = p->c + column;
		const float *b = p->b + column / AMX_LINES * p->b_step;
		const int lower = p->rows > LANES, right = p->columns - column > LANES;
		if (lower && right) sum_panel(1, 1, p, c, b);
		else if (lower) sum_panel(1, 0, p, c, b);
		else if (right) sum_panel(0, 1, p, c, b);
		else sum_panel(0, 0, p, c, b);
	}
}

#endif
