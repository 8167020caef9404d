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

// figure = x, both scalars: how a run's outputs are gathered for the host. Grid: 1.
KERNEL_OF(32, figure_float, double *figure, const float *x) {
	if (threadIdx.x == 0) *figure = *x;
}

// figure = x, both scalars. Grid: 1.
KERNEL_OF(32, figure_double, double *figure, const double *x) {
	if (threadIdx.x == 0) *figure = *x;
}
