// Normalisation of rows; the formulas of the gradients are in norm.go of package portable.
#ifndef UER_NORM_INC_H
#define UER_NORM_INC_H

#include <math.h>
#include "dropout.inc.h"
#include "halves.inc.h"

// norm_input writes sum = dropout(x) + residual for row r, unless sum is x, and returns the total of what is stored.
INLINE float norm_input(const int half, const int dropping, const int adding, const struct norm_forward *n, size_t r) {
	struct array x = as_half(half, n->x), residual = as_half(half, n->residual), sum = as_half(half, n->sum);
	uint64_t key = dropping ? dropout_row_key(n->dropout, n->rows[r]) : 0;
	vfloat total = splat(0);
	for (size_t j = 0; j < n->width; j += LANES) {
		size_t left = n->width - j, i = r * n->width + j;
		vfloat v = load_array(x, i, left);
		if (dropping) v = drop(v, n->dropout, key, j);
		if (adding) v += load_array(residual, i, left);
		if (half) v = to_bfloat16(v);
		if (n->sum.at != n->x.at || dropping || adding) store_array(sum, i, v, left);
		total += v;
	}
	return sum_lanes(total);
}

INLINE float centred_squares(struct array x, float mean, size_t width) {
	vfloat total = splat(0);
	for (size_t j = 0; j < width; j += LANES) {
		vfloat centred = first_lanes(load_array(x, j, width - j) - mean, width - j);
		total = multiply_add(centred, centred, total);
	}
	return sum_lanes(total);
}

INLINE void norm_rows(const int half, const int dropping, const int adding, const struct norm_forward *n) {
	for (size_t r = 0; r < n->count; r++) {
		float total = norm_input(half, dropping, adding, n, r);
		struct array x = array_at(as_half(half, n->sum), r * n->width), to = array_at(as_half(half, n->y), r * n->width);
		float mean = n->kind != NORM_RMS ? total / (float)n->width : 0;
		float squares = centred_squares(x, mean, n->width);
		float deviation = n->kind == NORM_UER ? sqrtf(squares / (float)(n->width > 1 ? n->width - 1 : 1))
		                                   : sqrtf(squares / (float)n->width + n->epsilon);
		float inverse = 1 / (n->kind == NORM_UER ? deviation + n->epsilon : deviation);
		n->stats[2 * r] = mean;
		n->stats[2 * r + 1] = deviation;
		for (size_t j = 0; j < n->width; j += LANES) {
			size_t left = n->width - j;
			vfloat y = (load_array(x, j, left) - mean) * inverse * load_some(n->gamma + j, left);
			if (n->beta) y += load_some(n->beta + j, left);
			store_array(to, j, y, left);
		}
	}
}

INLINE void norm_stored(const int half, const struct norm_forward *n) {
	if (n->dropout.threshold && n->residual.at) norm_rows(half, 1, 1, n);
	else if (n->dropout.threshold) norm_rows(half, 1, 0, n);
	else if (n->residual.at) norm_rows(half, 0, 1, n);
	else norm_rows(half, 0, 0, n);
}

static void norm_forward(struct norm_forward n) {
	if (n.x.half) norm_stored(1, &n);
	else norm_stored(0, &n);
}

// With c = x-μ, q the divisor of the row and g = γ dy, the gradient of the row is (g - shift)/q - c*factor.
typedef struct {
	float mean, inverse; // μ, 1/q
	float shift, factor;
} norm_terms;

// norm_sums adds the row's part to the gradients of the parameters, and returns the terms of its own gradient.
INLINE norm_terms norm_sums(const int half, const struct norm_backward *n, size_t r) {
	struct array dy = array_at(as_half(half, n->dy), r * n->width), x = array_at(as_half(half, n->sum), r * n->width);
	float *dgamma = n->dparameters, *dbeta = n->dparameters + n->width;
	double deviation = n->stats[2 * r + 1], q = n->kind == NORM_UER ? deviation + n->epsilon : deviation;
	norm_terms t = {.mean = n->stats[2 * r], .inverse = (float)(1 / q)};
	vfloat slopes = splat(0), products = splat(0);
	for (size_t j = 0; j < n->width; j += LANES) {
		size_t left = n->width - j;
		vfloat v = load_array(dy, j, left), centred = load_array(x, j, left) - t.mean;
		vfloat g = v * load_some(n->gamma + j, left);
		slopes += g;
		products = multiply_add(g, centred, products);
		store_some(dgamma + j, load_some(dgamma + j, left) + v * (centred * t.inverse), left);
		store_some(dbeta + j, load_some(dbeta + j, left) + v, left);
	}
	double width = (double)n->width, product = sum_lanes(products);
	if (n->kind != NORM_RMS) t.shift = (float)(sum_lanes(slopes) / width);
	if (n->kind != NORM_UER) t.factor = (float)(product / (q * q * q * width));
	else if (deviation != 0) t.factor = (float)(product / (q * q * deviation * (width > 1 ? width - 1 : 1)));
	return t;
}

// norm_store writes or adds v to n elements.
INLINE void norm_store(const int half, struct output o, size_t i, vfloat v, size_t n) {
	struct array to = as_half(half, o.to);
	store_array(to, i, o.accumulate ? load_array(to, i, n) + v : v, n);
}

INLINE void norm_gradient(const int half, const int dropping, const struct norm_backward *n, size_t r, norm_terms t) {
	struct array dy = as_half(half, n->dy), x = as_half(half, n->sum);
	uint64_t key = dropping ? dropout_row_key(n->dropout, n->rows[r]) : 0;
	for (size_t j = 0; j < n->width; j += LANES) {
		size_t left = n->width - j, i = r * n->width + j;
		vfloat g = load_array(dy, i, left) * load_some(n->gamma + j, left);
		vfloat v = (g - t.shift) * t.inverse - (load_array(x, i, left) - t.mean) * t.factor;
		if (n->dresidual.to.at) norm_store(half, n->dresidual, i, v, left);
		if (!n->dx.to.at) continue;
		if (dropping) v = drop(v, n->dropout, key, j);
		norm_store(half, n->dx, i, v, left);
	}
}

INLINE void norm_backward_stored(const int half, const struct norm_backward *n) {
	memset(n->dparameters, 0, 2 * n->width * sizeof(float));
	for (size_t r = 0; r < n->count; r++) {
		norm_terms t = norm_sums(half, n, r);
		if (n->dropout.threshold) norm_gradient(half, 1, n, r, t);
		else norm_gradient(half, 0, n, r, t);
	}
}

static void norm_backward(struct norm_backward n) {
	if (n.dy.half) norm_backward_stored(1, &n);
	else norm_backward_stored(0, &n);
}

#endif
