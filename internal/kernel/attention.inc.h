// Attention of one head over one sequence, in blocks of queries. See attention.go for the formulas.
#ifndef UER_ATTENTION_INC_H
#define UER_ATTENTION_INC_H

#include <math.h>

#include "attention.h"
#include "dropout.inc.h"
#include "block.inc.h"

// ATTENTION_BLOCK is the number of queries of a block: a multiple of PANEL_ROWS, large enough for the sums over queries in
// the backward pass, small enough to skip most of what causal queries do not see.
#define ATTENTION_BLOCK 24

// visible is the number of keys that query i sees.
INLINE size_t visible(const struct uer_attention *t, size_t i) {
	return at_most(i + 1 > t->always ? i + 1 : t->always, t->limit);
}

// vector_log is the natural logarithm of normal numbers x >= 1, within 2 ulp. With x = 2^n m, m in [sqrt(1/2), sqrt(2)) and
// z = (m-1)/(m+1), log m = 2 artanh z = 2z + z³(2/3 + 2/5 z² + ...).
INLINE vfloat vector_log(vfloat x) {
	vint n = ((vint)x - 0x3f3504f3) >> 23;
	vfloat m = (vfloat)((vint)x - (n << 23));
	vfloat z = (m - 1.0f) / (m + 1.0f), square = z * z;
	vfloat p = splat(2.0f / 9);
	p = multiply_add(p, square, splat(2.0f / 7));
	p = multiply_add(p, square, splat(2.0f / 5));
	p = multiply_add(p, square, splat(2.0f / 3));
	vfloat log_m = multiply_add(p * square, z, z + z);
	return multiply_add(to_float(n), splat(0x1.62e43p-1f), multiply_add(to_float(n), splat(-0x1.05c61p-29f), log_m));
}

// attention_row_key is the part of the hash of dropout that the keys share.
INLINE uint64_t attention_row_key(const struct uer_attention *t, size_t i) {
	return t->rows ? dropout_row_key(t->dropout, (int64_t)t->rows[i] * (int64_t)t->heads + (int64_t)t->head) : 0;
}

// attention_scores computes the scores, not scaled yet, of a block of queries.
static void attention_scores(const struct uer_attention *t, float *s, size_t step, size_t first, size_t rows,
                             size_t keys, const float *k_transposed) {
	block_product(s, step, rows, keys, t->q + first * t->width, t->width, 1, k_transposed, PANEL * t->size, t->size, 0);
	if (!t->bias) return;
	for (size_t r = 0; r < rows; r++, s += step) {
		const float *bias = t->bias + t->centre - (first + r);
		size_t n = visible(t, first + r);
		for (size_t j = 0; j < n; j += LANES) store(s + j, load(s + j) + load_some(bias + j, n - j));
	}
}

// attention_softmax turns the scores of query i into exponentials, less the largest score, dropped out and zero for
// hidden keys. It writes that score, scaled, and returns the sum of the exponentials.
static float attention_softmax(const struct uer_attention *t, size_t i, float *s, size_t keys, float *most) {
	size_t n = visible(t, i), last = (n - 1) / LANES * LANES;
	store(s + last, select_lanes(lane_numbers() < (int32_t)(n - last), load(s + last), splat(-INFINITY)));
	vfloat lanes = load(s);
	for (size_t j = LANES; j <= last; j += LANES) lanes = larger(lanes, load(s + j));
	float largest = largest_lane(lanes);
	*most = largest * t->scale;

	uint64_t row_key = attention_row_key(t, i);
	vfloat sum = {0};
	for (size_t j = 0; j <= last; j += LANES) {
		vfloat e = vector_exp((load(s + j) - largest) * t->scale);
		sum += e;
		store(s + j, t->rows ? drop(e, t->dropout, row_key, j) : e);
	}
	for (size_t j = last + LANES; j < keys; j += LANES) store(s + j, (vfloat){0});
	return sum_lanes(sum);
}

// write_row writes y = factor*x, or adds it to y.
INLINE void write_row(float *y, const float *x, size_t n, float factor, int accumulate) {
	for (size_t j = 0; j < n; j += LANES) {
		vfloat v = load(x + j) * factor;
		if (accumulate) v += load_some(y + j, n - j);
		store_some(y + j, v, n - j);
	}
}

void NAME(attention_forward)(struct uer_attention t) {
	size_t keys = round_up(t.keys, PANEL), size = round_up(t.size, PANEL), step = keys + LANES;
	float *k = on_line(t.scratch);   // transposed, in panels [size, keys]
	float *v = k + keys * size;      // in panels [keys, size]
	float *s = v + keys * size;      // [block, keys]
	float *out = s + ATTENTION_BLOCK * step;   // [block, size]
	float sums[ATTENTION_BLOCK + LANES] = {0}, lse[ATTENTION_BLOCK + LANES] = {0};
	pack_block_transposed(k, PANEL * t.size, t.k, t.keys, t.size, t.width);
	pack_block(v, t.keys * PANEL, t.v, t.keys, t.size, t.width);

	for (size_t first = 0; first < t.queries; first += ATTENTION_BLOCK) {
		size_t rows = at_most(t.queries - first, ATTENTION_BLOCK);
		size_t seen = visible(&t, first + rows - 1);
		attention_scores(&t, s, step, first, rows, seen, k);
		for (size_t r = 0; r < rows; r++) sums[r] = attention_softmax(&t, first + r, s + r * step, seen, lse + r);
		for (size_t r = 0; r < rows; r += LANES) store(lse + r, load(lse + r) + vector_log(load(sums + r)));
		block_product(out, size, rows, t.size, s, step, 1, v, t.keys * PANEL, seen, 0);
		for (size_t r = 0; r < rows; r++) {
			write_row(t.out + (first + r) * t.width, out + r * size, t.size, 1 / sums[r], 0);
			t.lse[(first + r) * t.heads] = lse[r];
		}
	}
}

// attention_gradient turns the scores s and the gradients dp of the probabilities of query i into the probabilities after
// dropout and the gradients of the scores, but for the scale.
static void attention_gradient(const struct uer_attention *t, size_t i, float *s, float *dp, size_t keys) {
	size_t n = visible(t, i);
	const float *dout = t->dout + i * t->width, *out = t->out + i * t->width;
	vfloat sum = {0};
	for (size_t j = 0; j < t->size; j += LANES) sum += load_some(dout + j, t->size - j) * load_some(out + j, t->size - j);
	float delta = sum_lanes(sum), lse = t->lse[i * t->heads];

	uint64_t row_key = attention_row_key(t, i);
	for (size_t j = 0; j < n; j += LANES) {
		vfloat p = first_lanes(vector_exp(load(s + j) * t->scale - lse), n - j), d = load(dp + j);
		if (t->rows) d = drop(d, t->dropout, row_key, j);
		store(s + j, t->rows ? drop(p, t->dropout, row_key, j) : p);
		store(dp + j, p * (d - delta));
	}
	for (size_t j = round_up(n, LANES); j < keys; j += LANES) {
		store(s + j, (vfloat){0});
		store(dp + j, (vfloat){0});
	}
	if (!t->dbias) return;
	float *dbias = t->dbias + t->centre - i;
	for (size_t j = 0; j < n; j += LANES)
		store_some(dbias + j, load_some(dbias + j, n - j) + load(dp + j) * t->scale, n - j);
}

void NAME(attention_backward)(struct uer_attention t) {
	size_t keys = round_up(t.keys, PANEL), size = round_up(t.size, PANEL), step = keys + LANES;
	float *k_transposed = on_line(t.scratch);         // in panels [size, keys]
	float *v_transposed = k_transposed + keys * size; // in panels [size, keys]
	float *k = v_transposed + keys * size;            // in panels [keys, size]
	float *dk = k + keys * size;                      // [keys, size]
	float *dv = dk + keys * size;                     // [keys, size]
	float *q = dv + keys * size;                      // in panels [block, size]
	float *dout = q + ATTENTION_BLOCK * size;                   // in panels [block, size]
	float *dq = dout + ATTENTION_BLOCK * size;                  // [block, size]
	float *s = dq + ATTENTION_BLOCK * size;                     // [block, keys]
	float *dp = s + ATTENTION_BLOCK * step;                     // [block, keys]
	pack_block_transposed(k_transposed, PANEL * t.size, t.k, t.keys, t.size, t.width);
	pack_block_transposed(v_transposed, PANEL * t.size, t.v, t.keys, t.size, t.width);
	pack_block(k, t.keys * PANEL, t.k, t.keys, t.size, t.width);

	// From the last block, which sees the most keys, to the first: it begins the sums dk and dv.
	size_t begun = 0;
	for (size_t first = round_up(t.queries, ATTENTION_BLOCK); first > 0;) {
		first -= ATTENTION_BLOCK;
		size_t rows = at_most(t.queries - first, ATTENTION_BLOCK);
		size_t seen = visible(&t, first + rows - 1);
		const float *dout_rows = t.dout + first * t.width;
		pack_block(q, rows * PANEL, t.q + first * t.width, rows, t.size, t.width);
		pack_block(dout, rows * PANEL, dout_rows, rows, t.size, t.width);
		attention_scores(&t, s, step, first, rows, seen, k_transposed);
		block_product(dp, step, rows, seen, dout_rows, t.width, 1, v_transposed, PANEL * t.size, t.size, 0);
		for (size_t r = 0; r < rows; r++) attention_gradient(&t, first + r, s + r * step, dp + r * step, seen);

		block_product(dv, size, seen, t.size, s, 1, step, dout, rows * PANEL, rows, begun > 0);
		block_product(dk, size, seen, t.size, dp, 1, step, q, rows * PANEL, rows, begun > 0);
		if (begun == 0) begun = seen;
		block_product(dq, size, rows, t.size, dp, step, 1, k, t.keys * PANEL, seen, 0);
		for (size_t r = 0; r < rows; r++)
			write_row(t.dq + (first + r) * t.width, dq + r * size, t.size, t.scale, t.accumulate[0]);
	}
	memset(dk + begun * size, 0, (t.keys - begun) * size * sizeof *dk);
	memset(dv + begun * size, 0, (t.keys - begun) * size * sizeof *dv);
	for (size_t j = 0; j < t.keys; j++) {
		write_row(t.dk + j * t.width, dk + j * size, t.size, t.scale, t.accumulate[1]);
		write_row(t.dv + j * t.width, dv + j * size, t.size, 1, t.accumulate[2]);
	}
}

#endif
