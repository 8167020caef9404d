// Operations on single numbers, each by one thread (a block needs a whole warp).
#include "device.h"

// y = a + b, all scalars. Grid: 1.
KERNEL_OF(32, total_float, float *y, const float *a, const float *b) {
	if (threadIdx.x == 0) *y = *a + *b;
}

DEVFN bool is_finite(double x) { return fabs(x) <= 0x1.fffffffffffffp1023; } // not so for NaN

// flag = 1 if x is infinite or NaN; else flag stays as it is. Both scalars. Grid: 1.
KERNEL_OF(32, guard_float, float *flag, const float *x) {
	if (threadIdx.x == 0 && !is_finite(*x)) *flag = 1;
}

// flag = 1 if x is infinite or NaN; else flag stays as it is. Both scalars. Grid: 1.
KERNEL_OF(32, guard_double, float *flag, const double *x) {
	if (threadIdx.x == 0 && !is_finite(*x)) *flag = 1;
}

// norm = |scale| √squares, and factor = scale, times limit/norm if limit > 0 and norm > limit. norm, factor, squares
// scalars. Grid: 1.
KERNEL_OF(32, clip, double *norm, double *factor, const double *squares, double scale, double limit) {
	if (threadIdx.x != 0) return;
	double length = fabs(scale) * sqrt(*squares);
	*norm = length;
	*factor = limit > 0 && length > limit ? scale * (limit / length) : scale;
}

#define FIGURES \
	const float *float_a, const double *double_a, const float *float_b, const double *double_b, const float *float_c, \
		const double *double_c, const float *float_d, const double *double_d, const float *float_e, \
		const double *double_e, const float *float_f, const double *double_f

// How a run's outputs are gathered for the host: figures[i] = the i-th of up to six scalars, each of which is a float or a
// double; the other pointer is null, and those of figures that are left out, too. Grid: 1.
KERNEL_OF(32, figures, double *figures, FIGURES) {
	if (threadIdx.x != 0) return;
	auto gather = [&](int i, const float *narrow, const double *wide) {
		if (narrow) figures[i] = *narrow;
		if (wide) figures[i] = *wide;
	};
	gather(0, float_a, double_a), gather(1, float_b, double_b), gather(2, float_c, double_c);
	gather(3, float_d, double_d), gather(4, float_e, double_e), gather(5, float_f, double_f);
}
