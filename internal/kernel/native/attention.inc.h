// Attention of heads over one sequence, in blocks of queries. The scores of a block are [keys, ATTENTION_BLOCK]: a vector holds
// the scores of several queries with one key, so that sums over keys need no sums over lanes, and the products read keys and
// values in place.
#ifndef UER_ATTENTION_INC_H
#define UER_ATTENTION_INC_H

#include "attention_heads.inc.h"
#include "block.inc.h"

// ATTENTION_BLOCK, the number of queries of a block, is large enough for the sums over queries in the backward pass.
_Static_assert(ATTENTION_BLOCK % PANEL == 0, "a block of queries consists of panels");

// attention_queries is the queries from i on, one per lane.
struct attention_queries {
	size_t i, count;
	size_t keys;   // number of keys that any of them sees
	size_t common; // number of keys that all of them see
	vint seen;     // number of keys that each of them sees
	vuint key_low, key_high; // the part of the dropout hash that does not depend on the key, in two halves
};

INLINE struct attention_queries attention_lanes(const struct attention_heads *t, size_t i, size_t end) {
	struct attention_queries q = {.i = i, .count = min_size(end - i, LANES), .common = visible(t, i)};
	q.keys = visible(t, i + q.count - 1);
	vint seen = lane_numbers() + (int32_t)(i + 1), prefix = (vint){0} + (int32_t)t->prefix, limit = (vint){0} + (int32_t)t->visible_keys;
	seen = (seen & (seen > prefix)) | (prefix & (seen <= prefix));
	q.seen = (seen & (seen < limit)) | (limit & (seen >= limit));
	if (t->rows) {
		uint32_t low[LANES] = {0}, high[LANES] = {0};
		for (size_t l = 0; l < q.count; l++) {
			uint64_t key = dropout_row_key(t->dropout, (int64_t)t->rows[i + l] * (int64_t)t->heads + (int64_t)t->head);
			low[l] = (uint32_t)key, high[l] = (uint32_t)(key >> 32);
		}
		memcpy(&q.key_low, low, sizeof low);
		memcpy(&q.key_high, high, sizeof high);
	}
	return q;
}

// attention_hide replaces the lanes of queries that do not see key j.
INLINE vfloat attention_hide(const struct attention_queries *q, size_t j, vfloat v, float other) {
	return j < q->common ? v : select_lanes((vint){0} + (int32_t)j < q->seen, v, splat(other));
}

// attention_drop is dropout of the probabilities of key j.
INLINE vfloat attention_drop(const struct attention_heads *t, const struct attention_queries *q, size_t j, vfloat v) {
	if (!t->rows) return v;
	vuint h = ((uint32_t)j ^ q->key_low) * 0x7feb352du;
	h = (h ^ h >> 15 ^ q->key_high) * 0x846ca68bu;
	return (vfloat)((vint)(v * t->dropout.scale) & (vint)(h >= t->dropout.threshold));
}

// attention_transpose writes the queries, or their gradients, of a block as [size, ATTENTION_BLOCK].
static void attention_transpose(float *y, const float *x, size_t rows, size_t size, size_t width) {
	for (size_t i = 0; i < rows; i += LANES)
		pack_block_vector(y + i, ATTENTION_BLOCK, x + i * width, min_size(rows - i, LANES), size, width);
}

// attention_scores computes s[j, i] = x_j·y_i for the keys x and the block y that attention_transpose made, skipping
// vectors of queries that do not see the key.
static void attention_scores(const struct attention_heads *t, float *s, const float *x, const float *y, size_t first, size_t rows) {
	size_t from = 0;
	for (size_t i = 0; i < rows; i += LANES) {
		size_t to = visible(t, first + min_size(i + LANES, rows) - 1);
		for (size_t c = i; c < rows && from < to; c += PANEL)
			for (size_t j = from, n; j < to; j += n) {
				n = tile_rows(to - j);
				struct block tile = {.c = s + j * ATTENTION_BLOCK + c, .c_step = ATTENTION_BLOCK, .a = x + j * t->width,
				                     .row_step = t->width, .depth_step = 1, .b = y + c, .b_step = ATTENTION_BLOCK, .depth = t->size};
				block_rows(&tile, n, min_size(round_up(rows - c, LANES), PANEL));
			}
		from = to;
	}
}

// attention_sum_keys computes y_i = factor_i Σ_j s[j, i] x_j for the queries of a block.
static void attention_sum_keys(const struct attention_heads *t, float *y, const float *s, const float *x, size_t first, size_t rows,
                               const float *factors, int accumulate) {
	for (size_t c = 0; c < t->size; c += PANEL)
		for (size_t i = 0, n; i < rows; i += n) {
			n = tile_rows(rows - i);
			struct block tile = {.c = y + (first + i) * t->width + c, .c_step = t->width, .a = s + i, .row_step = 1,
			                     .depth_step = ATTENTION_BLOCK, .b = x + c, .b_step = t->width,
			                     .depth = visible(t, first + i + n - 1), .factors = factors ? factors + i : NULL, .accumulate = accumulate};
			block_rows(&tile, n, min_size(t->size - c, PANEL));
		}
}

// attention_sum_queries computes y_j = Σ_i s[j, i] x_i, or adds it to y_j, for the keys that a block sees.
static void attention_sum_queries(const struct attention_heads *t, float *y, const float *s, const float *x, size_t first,
                                  size_t rows, size_t keys, int accumulate) {
	for (size_t c = 0; c < t->size; c += PANEL)
		for (size_t j = 0, n; j < keys; j += n) {
			n = tile_rows(keys - j);
			size_t from = j > first && j >= t->prefix ? j - first : 0; // the first query that sees one of the keys
			struct block tile = {.c = y + j * t->width + c, .c_step = t->width, .a = s + j * ATTENTION_BLOCK + from,
			                     .row_step = ATTENTION_BLOCK, .depth_step = 1, .b = x + (first + from) * t->width + c,
			                     .b_step = t->width, .depth = rows - from, .accumulate = accumulate};
			block_rows(&tile, n, min_size(t->size - c, PANEL));
		}
}

// attention_bias reverses the position bias of a head: the bias of query i and key j is element i-j+keys-1 of y.
static void attention_bias(const struct attention_heads *t, float *y) {
	for (size_t n = 0; n < t->queries + t->keys - 1; n++) y[n] = t->bias[t->centre + t->keys - 1 - n];
}

// attention_softmax turns the scores s [keys, ...] of the queries, in a block that sees `keys` keys, into exponentials relative
// to the largest, after dropout and zero for hidden keys. It returns the sums of the exponentials, and their logarithms in
// lse.
static vfloat attention_softmax(const struct attention_heads *t, const struct attention_queries *q, float *s, size_t keys,
                                const float *bias, vfloat *lse) {
	vfloat largest = splat(-INFINITY), sum = {0};
	for (size_t j = 0; j < q->keys; j++) {
		vfloat score = load(s + j * ATTENTION_BLOCK);
		if (bias) store(s + j * ATTENTION_BLOCK, score += load(bias + q->i + t->keys - 1 - j));
		largest = larger(largest, attention_hide(q, j, score, -INFINITY));
	}
	const vfloat scale = splat(t->scale * LOG2_E), offset = largest * -scale;
	for (size_t j = 0; j < q->keys; j++) {
		vfloat e = attention_power(multiply_add(load(s + j * ATTENTION_BLOCK), scale, offset));
		e = attention_hide(q, j, e, 0);
		sum += e;
		store(s + j * ATTENTION_BLOCK, attention_drop(t, q, j, e));
	}
	for (size_t j = q->keys; j < keys; j++) store(s + j * ATTENTION_BLOCK, (vfloat){0});
	*lse = largest * t->scale + vector_log(sum);
	return sum;
}

static void attention_forward_head(const struct attention_heads *t) {
	float *q = on_line(t->scratch);                    // [size, block]
	float *s = q + ATTENTION_BLOCK * t->size;          // [keys, block]
	float *bias = s + ATTENTION_BLOCK * t->keys;
	if (t->bias) attention_bias(t, bias);
	else bias = NULL;

	for (size_t first = 0; first < t->queries; first += ATTENTION_BLOCK) {
		size_t rows = min_size(t->queries - first, ATTENTION_BLOCK);
		float factors[ATTENTION_BLOCK], lse[ATTENTION_BLOCK];
		attention_transpose(q, t->q + first * t->width, rows, t->size, t->width);
		attention_scores(t, s, t->k, q, first, rows);
		for (size_t i = 0; i < rows; i += LANES) {
			struct attention_queries lanes = attention_lanes(t, first + i, first + rows);
			vfloat logarithm, sum = attention_softmax(t, &lanes, s + i, visible(t, first + rows - 1), bias, &logarithm);
			store(factors + i, 1.0f / sum);
			store(lse + i, logarithm);
		}
		attention_sum_keys(t, t->out, s, t->v, first, rows, factors, 0);
		for (size_t i = 0; i < rows; i++) t->lse[(first + i) * t->heads] = lse[i];
	}
}

// attention_gradient turns the scores s and the gradients dp of the probabilities of the queries into the probabilities after
// dropout and the gradients of the scores.
static void attention_gradient(const struct attention_heads *t, const struct attention_queries *q, float *s, float *dp, size_t keys,
                               vfloat lse, vfloat delta, const float *bias, float *dbias) {
	const vfloat scale = splat(t->scale * LOG2_E), offset = lse * -LOG2_E;
	for (size_t j = 0; j < q->keys; j++) {
		vfloat score = load(s + j * ATTENTION_BLOCK);
		if (bias) score += load(bias + q->i + t->keys - 1 - j);
		vfloat p = attention_hide(q, j, attention_power(multiply_add(score, scale, offset)), 0);
		vfloat d = attention_drop(t, q, j, load(dp + j * ATTENTION_BLOCK));
		d = p * t->scale * (d - delta);
		store(s + j * ATTENTION_BLOCK, attention_drop(t, q, j, p));
		store(dp + j * ATTENTION_BLOCK, d);
		if (dbias) {
			float *sums = dbias + q->i + t->keys - 1 - j;
			store(sums, load(sums) + first_lanes(d, q->count));
		}
	}
	for (size_t j = q->keys; j < keys; j++) {
		store(s + j * ATTENTION_BLOCK, (vfloat){0});
		store(dp + j * ATTENTION_BLOCK, (vfloat){0});
	}
}

// attention_delta is dout·out of query i.
INLINE float attention_delta(const struct attention_heads *t, size_t i) {
	const float *dout = t->dout + i * t->width, *out = t->out + i * t->width;
	vfloat sum = {0};
	for (size_t j = 0; j < t->size; j += LANES) sum += load_some(dout + j, t->size - j) * load_some(out + j, t->size - j);
	return sum_lanes(sum);
}

static void attention_backward_head(const struct attention_heads *t) {
	float *q = on_line(t->scratch);               // [size, block]
	float *dout = q + ATTENTION_BLOCK * t->size;  // [size, block]
	float *s = dout + ATTENTION_BLOCK * t->size;  // [keys, block]
	float *dp = s + ATTENTION_BLOCK * t->keys;    // [keys, block]
	float *bias = dp + ATTENTION_BLOCK * t->keys, *dbias = bias + round_up(t->queries + t->keys, LANES) + LANES;
	if (t->bias) attention_bias(t, bias);
	else bias = NULL;
	if (t->dbias) memset(dbias, 0, (t->queries + t->keys + LANES) * sizeof *dbias);
	else dbias = NULL;

	// From the last block, which sees the most keys and so begins the sums dk and dv, to the first.
	size_t begun = 0;
	for (size_t first = round_up(t->queries, ATTENTION_BLOCK); first > 0;) {
		first -= ATTENTION_BLOCK;
		size_t rows = min_size(t->queries - first, ATTENTION_BLOCK), keys = visible(t, first + rows - 1);
		float lse[ATTENTION_BLOCK] = {0}, delta[ATTENTION_BLOCK] = {0};
		attention_transpose(q, t->q + first * t->width, rows, t->size, t->width);
		attention_transpose(dout, t->dout + first * t->width, rows, t->size, t->width);
		attention_scores(t, s, t->k, q, first, rows);
		attention_scores(t, dp, t->v, dout, first, rows);
		for (size_t i = 0; i < rows; i++) lse[i] = t->lse[(first + i) * t->heads], delta[i] = attention_delta(t, first + i);
		for (size_t i = 0; i < rows; i += LANES) {
			struct attention_queries lanes = attention_lanes(t, first + i, first + rows);
			attention_gradient(t, &lanes, s + i, dp + i, keys, load(lse + i), load(delta + i), bias, dbias);
		}
		attention_sum_queries(t, t->dv.to, s, t->dout, first, rows, keys, begun > 0 || t->dv.accumulate);
		attention_sum_queries(t, t->dk.to, dp, t->q, first, rows, keys, begun > 0 || t->dk.accumulate);
		attention_sum_keys(t, t->dq.to, dp, t->k, first, rows, NULL, t->dq.accumulate);
		if (begun == 0) begun = keys;
	}
	for (size_t j = begun; j < t->keys; j++) {
		if (!t->dk.accumulate) memset(t->dk.to + j * t->width, 0, t->size * sizeof *t->dk.to);
		if (!t->dv.accumulate) memset(t->dv.to + j * t->width, 0, t->size * sizeof *t->dv.to);
	}
	if (dbias)
		for (size_t n = 0; n < t->queries + t->keys - 1; n++) t->dbias[t->centre + t->keys - 1 - n] += dbias[n];
}

static void attention_forward(struct attention_heads t) {
	for (; t.count > 0; t.count--, attention_next(&t)) attention_forward_head(&t);
}

static void attention_backward(struct attention_heads t) {
	for (; t.count > 0; t.count--, attention_next(&t)) attention_backward_head(&t);
}

#endif
