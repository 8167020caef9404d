// Products of attention with the bits of tiles, of factors that are in the caches. What multiplies, attention_chains.inc.h or
// attention_amx.inc.h, keeps the factors in its own way:
//
//   left_rows(to, x, leading, lines, depth)            the factor whose lines, at most ATTENTION_BLOCK, are rows of the array x
//   left_number(x)                                     scores as the two following read them
//   left_scores(to, s, step, lines, depth)             the factor whose lines are rows of scores
//   keep_scores(to, s, step, block, rows, keys)        keeps the scores of block number `block` of a stretch of queries
//   kept_scores(to, s, step, block, key)               the factor whose lines are the keys from `key` on, its depth the queries
//                                                      from a block on
//   LEFT_SIZE(depth), KEPT_SIZE(keys)                  floats of a left factor, and of the scores of a stretch
//   right_rows(to, x, leading, lines, depth)           panels of RIGHT_LINES lines that are rows of the array x
//   right_columns(to, step, x, leading, lines, depth)  panels whose lines are columns of x, `step` floats apart
//   tile_product(p)                                    the product
#ifndef UER_ATTENTION_PRODUCT_INC_H
#define UER_ATTENTION_PRODUCT_INC_H

#include "halves.inc.h"
#include "routines.h"

INLINE size_t padded(size_t n) { return round_up(n, TILE_DEPTH); }

struct left_factor {
	const float *x;
	size_t line_step, depth_step; // not used on tiles
};

struct tile_product {
	float *c; // [rows, columns], with room for multiples of ATTENTION_BLOCK of both
	size_t c_step, rows, columns; // at most ATTENTION_BLOCK rows
	struct left_factor a;
	const float *b;  // panels [units, RIGHT_UNIT]
	size_t b_step;   // from one panel to the next
	size_t depth;
	int accumulate;  // add to c
};

#endif
