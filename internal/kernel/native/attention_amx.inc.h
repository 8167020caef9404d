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
	struct pack p = {.panels = to, .x = x, .leading = leading, .depth = depth, .count = lines};
	amx_pack(1, 0, 1, &p, 0);
	return (struct left_factor){.x = to};
}

INLINE struct left_factor left_scores(float *to, const float *s, size_t step, size_t lines, size_t depth) {
	return left_rows(to, s, step, lines, depth);
}

static void keep_scores(float *to, float *s, size_t step, size_t block, size_t rows, size_t keys) {
	struct pack p = {.panels = to + block * AMX_PART, .x = s, .leading = step, .depth = rows, .count = keys};
	amx_pack(1, 0, 0, &p, STRETCH / TILE_DEPTH * AMX_PART);
}

INLINE struct left_factor kept_scores(const float *kept, const float *s, size_t step, size_t block, size_t key) {
	(void)s, (void)step;
	return (struct left_factor){.x = kept + (key / AMX_LINES * (STRETCH / TILE_DEPTH) + block) * AMX_PART};
}

static void right_rows(float *to, const float *x, size_t leading, size_t lines, size_t depth) {
	struct pack p = {.panels = to, .x = x, .leading = leading, .depth = depth, .count = lines};
	amx_pack(1, 1, 1, &p, ceil_divide(depth, TILE_DEPTH) * AMX_PART);
}

static void right_columns(float *to, size_t step, const float *x, size_t leading, size_t lines, size_t depth) {
	struct pack p = {.panels = to, .x = x, .leading = leading, .depth = depth, .count = lines};
	amx_pack(1, 1, 0, &p, step);
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
	for (size_t u = 0; u < p->units; u++) amx_unit(1, 1, 1, lower, right, p->a.x + u * AMX_PART, b + u * AMX_PART);
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
