// The elementary functions, for a test.
#include "../functions.h"

// y = f(x), by the number of f. y, x [n]. Grid: ⌈n/256⌉.
KERNEL_OF(256, functions, float *y, const float *x, size_t n, int function) {
	size_t i = (size_t)blockIdx.x * 256 + threadIdx.x;
	if (i >= n) return;
	switch (function) {
	case 0: y[i] = exp32(x[i]); break;
	case 1: y[i] = log32(x[i]); break;
	case 2: y[i] = tanh32(x[i]); break;
	case 3: y[i] = sigmoid32(x[i]).value; break;
	case 4: y[i] = sigmoid32(x[i]).slope; break;
	case 5: y[i] = normal32(x[i]).below; break;
	case 6: y[i] = normal32(x[i]).density; break;
	}
}
