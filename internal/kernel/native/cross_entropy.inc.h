// Softmax and cross-entropy of a tile of rows, with the gradient in place of the logits.
#ifndef UER_CROSS_ENTROPY_INC_H
#define UER_CROSS_ENTROPY_INC_H

#include <math.h>
#include "routines.h"
#include "vecmath.inc.h"

enum { CLASS_BLOCKS = 64 };

INLINE float block_largest(const float *x, size_t n) {
	vfloat m = splat(-INFINITY);
	size_t i = 0;
	for (; i + LANES <= n; i += LANES) m = larger(m, load(x + i));
	float largest = largest_lane(m);
	for (; i < n; i++) largest = x[i] > largest ? x[i] : largest;
	return largest;
}

// block_exponentials replaces x by e^(x - limit) and returns the sum.
INLINE float block_exponentials(float *x, size_t n, float limit) {
	vfloat sum = splat(0);
	for (size_t i = 0; i < n; i += LANES) {
		size_t left = n - i;
		vfloat e = vector_exp(load_some(x + i, left) - limit);
		store_some(x + i, e, left);
		sum += first_lanes(e, left);
	}
	return sum_lanes(sum);
}

// leads reports whether x[label] is the largest of a block, or the first of several.
INLINE int leads(const float *x, size_t n, size_t label) {
	for (size_t i = 0; i < n; i++)
		if (x[i] > x[label] || (x[i] == x[label] && i < label)) return 0;
	return 1;
}

// block_gradient scales x and adds it to dbias.
INLINE void block_gradient(float *x, float *dbias, size_t n, float factor) {
	for (size_t i = 0; i < n; i += LANES) {
		size_t left = n - i;
		vfloat g = load_some(x + i, left) * factor;
		store_some(x + i, g, left);
		if (dbias) store_some(dbias + i, load_some(dbias + i, left) + g, left);
	}
}

// row_loss goes over the logits twice: first it takes exponentials relative to the largest of a block, while the block is in
// the first-level cache; then it brings the blocks to one scale.
INLINE void row_loss(const struct cross_entropy *t, size_t row) {
	float *logits = t->logits + row * t->classes;
	size_t label = (size_t)t->labels[row];
	float target = logits[label];
	size_t step = ceil_divide(t->classes, CLASS_BLOCKS);
	if (step < 1024) step = 1024;
	float largest[CLASS_BLOCKS], sums[CLASS_BLOCKS], maximum = -INFINITY;
	int correct = 1, blocks = 0;
	for (size_t i = 0; i < t->classes; i += step, blocks++) {
		size_t n = t->classes - i < step ? t->classes - i : step;
		float block = block_largest(logits + i, n);
		if (label < i) correct = correct && block <= target;
		else if (label >= i + n) correct = correct && block < target;
		else correct = correct && block == target && leads(logits + i, n, label - i);
		sums[blocks] = block_exponentials(logits + i, n, block);
		largest[blocks] = block;
		maximum = block > maximum ? block : maximum;
	}
	double sum = 0;
	for (int b = 0; b < blocks; b++) sum += sums[b] * exp((double)largest[b] - maximum);
	for (int b = 0; b < blocks; b++) {
		size_t i = (size_t)b * step, n = t->classes - i < step ? t->classes - i : step;
		float factor = (float)(exp((double)largest[b] - maximum) / sum * t->scale);
		block_gradient(logits + i, t->dbias ? t->dbias + i : NULL, n, factor);
	}
	logits[label] -= t->scale;
	if (t->dbias) t->dbias[label] -= t->scale;
	t->results[2 * row] = (float)(log(sum) + maximum - target);
	t->results[2 * row + 1] = (float)correct;
}

static void cross_entropy(struct cross_entropy t) {
	if (t.dbias) memset(t.dbias, 0, t.classes * sizeof(float));
	for (size_t r = 0; r < t.rows; r++) row_loss(&t, r);
}

#endif
