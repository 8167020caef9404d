// Attention of heads over one sequence with the bits of tiles, in blocks of queries: see routine.TileAttention. The scores of a
// block are [ATTENTION_BLOCK, keys], so that probabilities are the rows of a factor as they are. What multiplies is included
// before: see attention_product.inc.h.
#ifndef UER_ATTENTION_TILES_INC_H
#define UER_ATTENTION_TILES_INC_H

#include "attention_heads.inc.h"
#include "scratch.inc.h"

// Sums over keys, and δ, are of 16 sums whatever the vectors are: number j goes to sum j mod 16.
#define SUM_VECTORS (16 / LANES)

// score_step is the distance of rows of so many elements, which lie in different sets of the caches.
INLINE size_t score_step(size_t n) { return padded(n) + CACHE_LINE; }

// sum_sums adds up 16 sums.
INLINE float sum_sums(vfloat sums[SUM_VECTORS]) {
	UNROLL for (size_t v = 1; v < SUM_VECTORS; v++) sums[0] += sums[v];
	return sum_lanes(sums[0]);
}

// left_of is how many of n elements are left from element i on.
INLINE size_t left_of(size_t n, size_t i) { return i < n ? n - i : 0; }

// operand is an operand from row i on.
INLINE struct array operand(const struct attention_heads *t, const float *x, size_t i) {
	return array_at((struct array){(void *)x, t->half}, i * t->width);
}

// seen_keys is the number of keys that any query sees.
INLINE size_t seen_keys(const struct attention_heads *t) { return t->queries > 0 ? visible(t, t->queries - 1) : 0; }

// score_row is what the scores of one query with its keys have in common.
struct score_row {
	size_t keys, width;  // that it sees, and that its row in a factor has
	const float *bias;   // [keys], or NULL
	float *dbias;        // as bias
	uint64_t dropout_key;
};

INLINE struct score_row score_row(const struct attention_heads *t, size_t i, size_t width) {
	struct score_row r = {.keys = visible(t, i), .width = width};
	if (t->bias) r.bias = t->bias + (t->centre - i);
	if (t->dbias) r.dbias = t->dbias + (t->centre - i);
	if (t->rows) r.dropout_key = dropout_row_key(t->dropout, (int64_t)t->rows[i] * (int64_t)t->heads + (int64_t)t->head);
	return r;
}

// biased is the scores from key j on, with their bias.
INLINE vfloat biased(const struct score_row *r, const float *s, size_t j) {
	vfloat score = load(s + j);
	return r->bias ? score + load_some(r->bias + j, r->keys - j) : score;
}

INLINE vfloat dropped(const struct attention_heads *t, const struct score_row *r, vfloat x, size_t j) {
	return t->rows ? drop(x, t->dropout, r->dropout_key, j) : x;
}

// largest_score is the largest of the scores that a query sees.
INLINE float largest_score(const struct score_row *r, const float *s) {
	vfloat largest = splat(-INFINITY);
	size_t j = 0;
	for (; j + LANES <= r->keys; j += LANES) largest = larger(largest, biased(r, s, j));
	if (j < r->keys) {
		vfloat last = select_lanes(lane_numbers() < (int32_t)(r->keys - j), biased(r, s, j), splat(-INFINITY));
		largest = larger(largest, last);
	}
	return largest_lane(largest);
}

// exponential_row turns scores into exponentials relative to the largest, after dropout and zero for hidden keys. It returns the
// sum of the exponentials.
INLINE float exponential_row(const struct attention_heads *t, const struct score_row *r, float *s, float largest) {
	const vfloat scale = splat(t->scale * LOG2_E), offset = splat(largest) * -scale;
	vfloat sums[SUM_VECTORS] = {{0}};
	for (size_t j = 0; j < r->keys; j += 16)
		UNROLL for (size_t v = 0; v < SUM_VECTORS; v++) {
			size_t at = j + v * LANES, n = left_of(r->keys, at);
			if (n == 0) break;
			vfloat e = first_lanes(attention_power(multiply_add(biased(r, s, at), scale, offset)), n);
			sums[v] += e;
			store(s + at, left_number(dropped(t, r, e, at)));
		}
	for (size_t j = round_up(r->keys, LANES); j < r->width; j += LANES) store(s + j, splat(0));
	return sum_sums(sums);
}

// gradient_row turns scores s and the gradients dp of the probabilities into the probabilities after dropout and the gradients of
// the scores.
INLINE void gradient_row(const struct attention_heads *t, const struct score_row *r, float *s, float *dp, float lse, float delta) {
	const vfloat scale = splat(t->scale * LOG2_E), offset = splat(lse * -LOG2_E);
	for (size_t j = 0; j < r->keys; j += LANES) {
		size_t n = r->keys - j;
		vfloat p = first_lanes(attention_power(multiply_add(biased(r, s, j), scale, offset)), n);
		vfloat d = first_lanes(p * t->scale * (dropped(t, r, load(dp + j), j) - delta), n);
		store(s + j, left_number(dropped(t, r, p, j)));
		store(dp + j, left_number(d));
		if (r->dbias) store_some(r->dbias + j, load_some(r->dbias + j, n) + d, n);
	}
	for (size_t j = round_up(r->keys, LANES); j < r->width; j += LANES) {
		store(s + j, splat(0));
		store(dp + j, splat(0));
	}
}

// delta_row is dout·out of query i.
INLINE float delta_row(const struct attention_heads *t, size_t i) {
	const struct array dout = operand(t, t->dout, i), out = operand(t, t->out, i);
	vfloat sums[SUM_VECTORS] = {{0}};
	for (size_t c = 0; c < t->size; c += 16)
		UNROLL for (size_t v = 0; v < SUM_VECTORS; v++) {
			size_t at = c + v * LANES, n = left_of(t->size, at);
			if (n > 0) sums[v] = multiply_add(load_array(dout, at, n), load_array(out, at, n), sums[v]);
		}
	return sum_sums(sums);
}

// write_rows writes rows of a result, times their factors if there are any, or adds them to what is there.
static void write_rows(struct array to, size_t leading, const float *from, size_t step, size_t rows, size_t size,
	const float *factors, int accumulate) {
	for (size_t i = 0; i < rows; i++, from += step)
		for (size_t c = 0; c < size; c += LANES) {
			vfloat x = load(from + c);
			if (factors) x *= factors[i];
			if (accumulate) x += load_array(to, i * leading + c, size - c);
			store_array(to, i * leading + c, x, size - c);
		}
}

// right_size is the floats that panels of so many lines take.
INLINE size_t right_size(size_t lines, size_t depth) { return padded(lines) * padded(depth) / 2; }

// right_step is the distance of two panels.
INLINE size_t right_step(size_t depth) { return padded(depth) / TILE_DEPTH * RIGHT_UNIT; }

static void tile_forward_head(const struct attention_heads *t) {
	float *scratch = on_line(t->scratch);
	const size_t seen = seen_keys(t), step = score_step(seen), out_step = score_step(t->size);
	float *k = carve(&scratch, right_size(seen, t->size)), *v = carve(&scratch, right_size(t->size, seen));
	float *q = carve(&scratch, LEFT_SIZE(t->size)), *s = carve(&scratch, ATTENTION_BLOCK * step);
	float *p = carve(&scratch, LEFT_SIZE(seen)), *out = carve(&scratch, ATTENTION_BLOCK * out_step);
	right_rows(k, operand(t, t->k, 0), t->width, seen, t->size);
	right_columns(v, right_step(seen), operand(t, t->v, 0), t->width, t->size, seen);

	for (size_t first = 0; first < t->queries; first += ATTENTION_BLOCK) {
		size_t rows = min_size(t->queries - first, ATTENTION_BLOCK), keys = visible(t, first + rows - 1);
		float sums[ATTENTION_BLOCK] __attribute__((aligned(64))), largest[ATTENTION_BLOCK] __attribute__((aligned(64)));
		tile_product(&(struct tile_product){.c = s, .c_step = step, .rows = rows, .columns = keys,
			.a = left_rows(q, operand(t, t->q, first), t->width, rows, t->size),
			.b = k, .b_step = right_step(t->size), .depth = t->size});
		struct score_row row[ATTENTION_BLOCK];
		// All rows in each pass, so that the end of one need not be waited for.
		for (size_t i = 0; i < rows; i++) {
			row[i] = score_row(t, first + i, padded(keys));
			largest[i] = largest_score(row + i, s + i * step);
		}
		for (size_t i = 0; i < rows; i++) sums[i] = exponential_row(t, row + i, s + i * step, largest[i]);
		for (size_t i = rows; i < ATTENTION_BLOCK; i++) sums[i] = largest[i] = 1;
		for (size_t i = 0; i < rows; i += LANES) {
			vfloat sum = load(sums + i);
			vfloat lse = multiply_add(load(largest + i), splat(t->scale), vector_log(sum));
			store(largest + i, lse + (sum - sum)); // NaN where there is no sum, of which vector_log knows nothing
			store(sums + i, 1.0f / sum);
		}
		for (size_t i = 0; i < rows; i++) t->lse[(first + i) * t->heads] = largest[i];
		tile_product(&(struct tile_product){.c = out, .c_step = out_step, .rows = rows, .columns = t->size,
			.a = left_scores(p, s, step, rows, keys),
			.b = v, .b_step = right_step(seen), .depth = min_size(padded(keys), seen)});
		write_rows(operand(t, t->out, first), t->width, out, out_step, rows, t->size, sums, 0);
	}
}

// tile_gradient is the memory of a backward pass.
struct tile_gradient {
	size_t seen;             // keys
	size_t step, size_step;  // of rows of scores, and of a head's elements
	float *k, *v;            // right factors of the scores and of the gradients of the probabilities
	float *k_columns;        // of dq
	float *q, *dout;         // left factors, of a block
	float *q_columns, *dout_columns; // of dk and dv, of a stretch
	float *s, *dp;           // [ATTENTION_BLOCK, step]
	float *ds;               // left factor of dq
	float *kept_p, *kept_ds; // of a stretch
	float *dq;               // [ATTENTION_BLOCK, size_step]
	float *dk, *dv;          // [keys, size_step]
};

static struct tile_gradient tile_gradient(const struct attention_heads *t) {
	float *scratch = on_line(t->scratch);
	const size_t seen = seen_keys(t);
	struct tile_gradient g = {.seen = seen, .step = score_step(seen), .size_step = score_step(t->size)};
	g.k = carve(&scratch, right_size(seen, t->size)), g.v = carve(&scratch, right_size(seen, t->size));
	g.k_columns = carve(&scratch, right_size(t->size, seen));
	g.q = carve(&scratch, LEFT_SIZE(t->size)), g.dout = carve(&scratch, LEFT_SIZE(t->size));
	g.q_columns = carve(&scratch, right_size(t->size, STRETCH)), g.dout_columns = carve(&scratch, right_size(t->size, STRETCH));
	g.s = carve(&scratch, ATTENTION_BLOCK * g.step), g.dp = carve(&scratch, ATTENTION_BLOCK * g.step);
	g.ds = carve(&scratch, LEFT_SIZE(seen));
	g.kept_p = carve(&scratch, KEPT_SIZE(seen)), g.kept_ds = carve(&scratch, KEPT_SIZE(seen));
	g.dq = carve(&scratch, ATTENTION_BLOCK * g.size_step);
	g.dk = carve(&scratch, padded(seen) * g.size_step), g.dv = carve(&scratch, padded(seen) * g.size_step);
	return g;
}

// tile_block computes dq of the block of queries from `first` on, and keeps what the sums over queries need.
static void tile_block(const struct attention_heads *t, const struct tile_gradient *g, size_t first, size_t rows) {
	const size_t keys = visible(t, first + rows - 1);
	tile_product(&(struct tile_product){.c = g->s, .c_step = g->step, .rows = rows, .columns = keys,
		.a = left_rows(g->q, operand(t, t->q, first), t->width, rows, t->size),
		.b = g->k, .b_step = right_step(t->size), .depth = t->size});
	tile_product(&(struct tile_product){.c = g->dp, .c_step = g->step, .rows = rows, .columns = keys,
		.a = left_rows(g->dout, operand(t, t->dout, first), t->width, rows, t->size),
		.b = g->v, .b_step = right_step(t->size), .depth = t->size});
	for (size_t i = 0; i < rows; i++) {
		struct score_row row = score_row(t, first + i, padded(keys));
		gradient_row(t, &row, g->s + i * g->step, g->dp + i * g->step, t->lse[(first + i) * t->heads], delta_row(t, first + i));
	}
	tile_product(&(struct tile_product){.c = g->dq, .c_step = g->size_step, .rows = rows, .columns = t->size,
		.a = left_scores(g->ds, g->dp, g->step, rows, keys),
		.b = g->k_columns, .b_step = right_step(g->seen), .depth = min_size(padded(keys), g->seen)});
	write_rows(operand(t, t->dq.to, first), t->width, g->dq, g->size_step, rows, t->size, NULL, t->dq.accumulate);
	keep_scores(g->kept_p, g->s, g->step, first % STRETCH / ATTENTION_BLOCK, rows, padded(keys));
	keep_scores(g->kept_ds, g->dp, g->step, first % STRETCH / ATTENTION_BLOCK, rows, padded(keys));
}

// tile_sum_queries adds to dk and dv what the queries of a stretch give.
static void tile_sum_queries(const struct attention_heads *t, const struct tile_gradient *g, size_t first, size_t queries) {
	const size_t keys = visible(t, first + queries - 1), begun = first > 0 ? visible(t, first - 1) : 0;
	for (size_t j = 0, from = 0; j < keys; j += ATTENTION_BLOCK) {
		// The first block that sees one of the keys.
		while (visible(t, first + min_size((from + 1) * ATTENTION_BLOCK, queries) - 1) <= j) from++;
		struct tile_product p = {.c_step = g->size_step, .rows = min_size(g->seen - j, ATTENTION_BLOCK), .columns = t->size,
			.b_step = right_step(STRETCH), .depth = queries - from * ATTENTION_BLOCK, .accumulate = j < begun};
		p.c = g->dv + j * g->size_step, p.a = kept_scores(g->kept_p, g->s, g->step, from, j), p.b = g->dout_columns + from * RIGHT_UNIT;
		tile_product(&p);
		p.c = g->dk + j * g->size_step, p.a = kept_scores(g->kept_ds, g->dp, g->step, from, j), p.b = g->q_columns + from * RIGHT_UNIT;
		tile_product(&p);
	}
}

static void tile_backward_head(const struct attention_heads *t) {
	const struct tile_gradient g = tile_gradient(t);
	right_rows(g.k, operand(t, t->k, 0), t->width, g.seen, t->size);
	right_rows(g.v, operand(t, t->v, 0), t->width, g.seen, t->size);
	right_columns(g.k_columns, right_step(g.seen), operand(t, t->k, 0), t->width, t->size, g.seen);
	for (size_t first = 0; first < t->queries; first += STRETCH) {
		size_t queries = min_size(t->queries - first, STRETCH);
		right_columns(g.q_columns, right_step(STRETCH), operand(t, t->q, first), t->width, t->size, queries);
		right_columns(g.dout_columns, right_step(STRETCH), operand(t, t->dout, first), t->width, t->size, queries);
		for (size_t i = 0; i < queries; i += ATTENTION_BLOCK) tile_block(t, &g, first + i, min_size(queries - i, ATTENTION_BLOCK));
		tile_sum_queries(t, &g, first, queries);
	}
	write_rows(operand(t, t->dk.to, 0), t->width, g.dk, g.size_step, g.seen, t->size, NULL, t->dk.accumulate);
	write_rows(operand(t, t->dv.to, 0), t->width, g.dv, g.size_step, g.seen, t->size, NULL, t->dv.accumulate);
	const size_t bytes = t->size * (t->half ? sizeof(uint16_t) : sizeof(float));
	for (size_t j = g.seen; j < t->keys; j++) {
		if (!t->dk.accumulate) memset(operand(t, t->dk.to, j).at, 0, bytes);
		if (!t->dv.accumulate) memset(operand(t, t->dv.to, j).at, 0, bytes);
	}
}

static void tile_attention_forward(struct attention_heads t) {
	tiles_begin();
	for (; t.count > 0; t.count--, attention_next(&t)) tile_forward_head(&t);
	tiles_end();
}

static void tile_attention_backward(struct attention_heads t) {
	tiles_begin();
	for (; t.count > 0; t.count--, attention_next(&t)) tile_backward_head(&t);
	tiles_end();
}

#endif
