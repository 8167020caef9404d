// The passes of Adafactor over a gradient.
#ifndef UER_ADAFACTOR_INC_H
#define UER_ADAFACTOR_INC_H

#include "routines.h"
#include "vecmath.inc.h"

static void adafactor_sums(struct factored f) {
	memset(f.column, 0, f.count * f.width * sizeof(float));
	for (size_t r = 0; r < f.count * f.rows; r++) {
		const float *g = f.gradient + r * f.width;
		float *column = f.column + r / f.rows * f.width;
		vfloat sum = splat(0);
		for (size_t j = 0; j < f.width; j += LANES) {
			size_t left = f.width - j;
			vfloat v = load_some(g + j, left);
			sum = multiply_add(v, v, sum);
			store_some(column + j, multiply_add(v, v, load_some(column + j, left)), left);
		}
		f.row[r] = sum_lanes(sum);
	}
}

static double adafactor_squares(struct factored f) {
	double total = 0;
	for (size_t r = 0; r < f.count * f.rows; r++) {
		const float *g = f.gradient + r * f.width, *column = f.column + r / f.rows * f.width;
		vfloat sum = splat(0);
		for (size_t j = 0; j < f.width; j += LANES) {
			vfloat d = load_some(g + j, f.width - j) * f.row[r] * load_some(column + j, f.width - j);
			sum = multiply_add(d, d, sum);
		}
		total += sum_lanes(sum);
	}
	return total;
}

static void adafactor_update(struct factored_update u) {
	const struct factored f = u.factored;
	for (size_t r = 0; r < f.count * f.rows; r++) {
		const float *g = f.gradient + r * f.width, *column = f.column + r / f.rows * f.width;
		float *p = u.parameters + r * f.width;
		for (size_t j = 0; j < f.width; j += LANES) {
			size_t left = f.width - j;
			vfloat d = load_some(g + j, left) * f.row[r] * load_some(column + j, left), v = load_some(p + j, left);
			store_some(p + j, v - u.decay * v - u.rate * d, left);
		}
	}
}

#endif
