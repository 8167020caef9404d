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

// across and down are pairs from arrays, as pairs_across and pairs_down make them.
INLINE vfloat across(struct array x, size_t element, size_t n) {
	if (x.half) return halves_across((const uint16_t *)x.at + element, n);
	vfloat pairs;
	pairs_across(1, (const float *)x.at + element, n, &pairs);
	return pairs;
}

INLINE vfloat down(struct array row, struct array below, size_t n) {
	if (row.half) return halves_down(row.at, below.at, n);
	vfloat pairs;
	pairs_down(1, row.at, below.at, n, &pairs);
	return pairs;
}

INLINE void left_lines(const int half, float *to, struct array x, size_t leading, size_t lines, size_t depth) {
	for (size_t i = 0; i < lines; i++)
		for (size_t k = 0; k < depth; k += TILE_DEPTH)
			store(to + k / TILE_DEPTH * AMX_PART + i * AMX_PAIRS, across(as_half(half, x), i * leading + k, depth - k));
}

static struct left_factor left_rows(float *to, struct array x, size_t leading, size_t lines, size_t depth) {
	if (x.half) left_lines(1, to, x, leading, lines, depth);
	else left_lines(0, to, x, leading, lines, depth);
	return (struct left_factor){.x = to};
}

static struct left_factor left_scores(float *to, float *s, size_t step, size_t lines, size_t depth) {
	left_lines(0, to, (struct array){s, 0}, step, lines, padded(depth)); // of zeros beyond
	return (struct left_factor){.x = to};
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

INLINE void right_rows_of(const int half, float *to, struct array x, size_t leading, size_t lines, size_t depth) {
	for (size_t i = 0; i < lines; i += LANES) {
		float *side = to + i / AMX_LINES * (padded(depth) / TILE_DEPTH * AMX_PART) + i % AMX_LINES;
		for (size_t k = 0; k < depth; k += TILE_DEPTH, side += AMX_PART) {
			vfloat rows[LANES]; // [lines][pairs]
			UNROLL for (size_t r = 0; r < LANES; r++)
				rows[r] = i + r < lines ? across(as_half(half, x), (i + r) * leading + k, depth - k) : splat(0);
			transpose(rows);
			UNROLL for (size_t r = 0; r < LANES; r++) store(side + r * AMX_LINES, rows[r]);
		}
	}
}

static void right_rows(float *to, struct array x, size_t leading, size_t lines, size_t depth) {
	if (x.half) right_rows_of(1, to, x, leading, lines, depth);
	else right_rows_of(0, to, x, leading, lines, depth);
}

INLINE void right_columns_of(const int half, float *to, size_t step, struct array x, size_t leading, size_t lines, size_t depth) {
	x = as_half(half, x);
	for (size_t k = 0; k < padded(depth); k += 2) // a row of pairs, in all panels
		for (size_t i = 0; i < lines; i += LANES) {
			vfloat pairs = splat(0);
			if (k + 1 < depth) pairs = down(array_at(x, k * leading + i), array_at(x, (k + 1) * leading + i), lines - i);
			else if (k < depth) pairs = down(array_at(x, k * leading + i), as_half(half, (struct array){0}), lines - i);
			store(to + i / AMX_LINES * step + k / 2 * AMX_LINES + i % AMX_LINES, pairs);
		}
}

static void right_columns(float *to, size_t step, struct array x, size_t leading, size_t lines, size_t depth) {
	if (x.half) right_columns_of(1, to, step, x, leading, lines, depth);
	else right_columns_of(0, to, step, x, leading, lines, depth);
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
	for (size_t u = 0; u < ceil_divide(p->depth, TILE_DEPTH); u++)
		amx_unit(1, 1, 1, lower, right, p->a.x + u * AMX_PART, b + u * AMX_PART);
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
